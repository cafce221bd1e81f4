#include <stdio.h>
int policy(int x) { return x * 100; }
__attribute__((constructor)) static void start(void) { puts("pre starts"); }
__attribute__((destructor)) static void finish(void) { puts("pre ends"); }
