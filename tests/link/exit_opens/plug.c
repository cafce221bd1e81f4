#include <stdio.h>
__attribute__((constructor)) static void start(void) { puts("plug starts"); }
int plug(int x) { return x + 1; }
