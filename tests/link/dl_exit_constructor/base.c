#include <stdio.h>
__attribute__((destructor)) static void finish(void) { puts("base ends"); }
int base(int x) { return x; }
