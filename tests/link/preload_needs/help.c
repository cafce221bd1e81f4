#include <stdio.h>

const char *help(void) { return "help of help"; }
const char *help_only(void) { return "only help"; }

__attribute__((constructor)) static void start(void) { puts("help starts"); }
__attribute__((destructor)) static void finish(void) { puts("help ends"); }
