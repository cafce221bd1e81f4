#include <stdio.h>
static int count;
__attribute__((constructor)) static void start(void) { puts("base starts"); }
__attribute__((destructor)) static void finish(void) { printf("base ends at %d\n", count); }
int base(int by) { return count += by; }
