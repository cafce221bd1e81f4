#include <stdio.h>

__attribute__((destructor)) static void finish(void) { puts("inner ends"); }

int inner_function(int x) { return x + 1; }
