#include <stdio.h>

__attribute__((constructor(300))) static void c300(void) { puts("300 of first"); }
__attribute__((constructor(101))) static void c101(void) { puts("101 of first"); }
__attribute__((constructor)) static void plain(void) { puts("plain of first"); }
__attribute__((destructor)) static void end(void) { puts("end of first"); }
__attribute__((destructor(101))) static void end101(void) { puts("end 101 of first"); }
