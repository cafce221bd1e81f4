#include <stdio.h>

__attribute__((constructor(200))) static void c200(void) { puts("200 of second"); }
__attribute__((constructor)) static void plain(void) { puts("plain of second"); }
__attribute__((destructor(200))) static void end200(void) { puts("end 200 of second"); }
