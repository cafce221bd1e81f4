#include <stdio.h>

__attribute__((constructor)) static void start(void) { puts("+" NAME); }
__attribute__((destructor)) static void finish(void) { puts("-" NAME); }

const char *last_word(void) { return NAME; }
