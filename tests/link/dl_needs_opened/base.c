#include <stdio.h>
int state = 5;
__attribute__((destructor)) static void finish(void) { printf("base ends at %d\n", state); }
int get(int x) { return state + x; }
