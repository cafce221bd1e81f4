#include <stdio.h>
int tick(int);
__attribute__((constructor)) static void start(void) { puts("tock starts"); }
__attribute__((destructor)) static void finish(void) { puts("tock ends"); }
int tock(int n) { return n == 0 ? 0 : 10 + tick(n - 1); }
