#include <stdio.h>

__attribute__((constructor)) static void start(void) { puts(NAME " starts"); }
__attribute__((destructor)) static void finish(void) { puts(NAME " ends"); }
