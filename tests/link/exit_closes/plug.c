#include <stdio.h>
__attribute__((destructor)) static void finish(void) { puts("plug ends"); }
int plug(int x) { return x + 1; }
