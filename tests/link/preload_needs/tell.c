#include <stdio.h>

const char *level(void) { return WHO; }
const char *help(void) { return "help of " WHO; }

__attribute__((constructor)) static void start(void) { puts("real starts"); }
