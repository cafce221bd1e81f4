#include <stdio.h>

__attribute__((destructor)) static void finish(void) { puts("ends"); }

int NAME(int x) { return x; }
