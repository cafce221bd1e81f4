#include <stdio.h>
int policy(int x) { return x + 1; }
static int (*volatile pointer)(int) = policy;
__attribute__((constructor)) static void start(void) { puts("plug starts"); }
int plug(int x) { return pointer(x); }
