#include <stdio.h>
int ghost(int), present(int);
__attribute__((constructor)) static void start(void) { puts("broken starts"); }
int broken(int x) { return ghost(x) + present(x); }
