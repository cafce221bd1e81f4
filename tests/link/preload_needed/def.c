#include <stdio.h>
const char *who(void) { return WHO; }
__attribute__((constructor)) static void start(void) { puts(WHO " starts"); }
__attribute__((destructor)) static void finish(void) { puts(WHO " ends"); }
