#include <stdio.h>
int tock(int);
__attribute__((constructor)) static void start(void) { puts("tick starts"); }
__attribute__((destructor)) static void finish(void) { puts("tick ends"); }
int tick(int n) { return n == 0 ? 0 : 1 + tock(n - 1); }
