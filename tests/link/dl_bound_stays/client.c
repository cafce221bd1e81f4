#include <stdio.h>
int base(int);
extern int base_value;
__attribute__((destructor)) static void finish(void) { puts("client ends"); }
int client(int x) { return base(x) + base_value; }
