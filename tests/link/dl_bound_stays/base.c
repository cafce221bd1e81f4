#include <stdio.h>
static int count;
int base_value = 5;
__attribute__((destructor)) static void finish(void) { puts("base ends"); }
int base(int by) { return count += by; }
