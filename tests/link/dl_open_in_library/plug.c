#include <stdio.h>
extern int host_level;
__attribute__((destructor)) static void finish(void) { puts("plug ends"); }
int plug(int x) { return x * host_level; }
