#include <stdio.h>
static int open_ = 1;
const char *base_name = "base";
__attribute__((destructor)) static void finish(void) { open_ = 0; puts("base ends"); }
int base(int x) { return open_ ? x : -1; }
