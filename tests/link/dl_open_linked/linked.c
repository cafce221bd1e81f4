#include <stdio.h>
int count;
__attribute__((constructor)) static void start(void) { puts("starts"); }
__attribute__((destructor)) static void finish(void) { printf("ends at %d\n", count); }
int next(int by) { return count += by; }
