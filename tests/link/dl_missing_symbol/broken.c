#include <stdio.h>
int nowhere(int), present(int);
__attribute__((constructor)) static void start(void) { puts("broken starts"); }
int broken(int x) { return nowhere(x) + present(x); }
