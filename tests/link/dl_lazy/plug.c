#include <stdio.h>
int nowhere(int);
__attribute__((constructor)) static void start(void) { puts("starts"); }
int never(int x) { return nowhere(x); }
int fine(int x) { return 2 * x; }
