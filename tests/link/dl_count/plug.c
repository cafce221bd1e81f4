#include <stdio.h>

__attribute__((constructor)) static void start(void) { puts("starts"); }
__attribute__((destructor)) static void finish(void) { puts("ends"); }

int twice(int x) { return 2 * x; }
