#include <stdio.h>

__attribute__((constructor)) static void start(void) { printf("+%d ", N); }
__attribute__((destructor)) static void finish(void) { printf("-%d ", N); }
