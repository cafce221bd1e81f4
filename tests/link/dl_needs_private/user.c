#include <stdio.h>
int base(int);
__attribute__((constructor)) static void start(void) { puts(WHO " starts"); }
__attribute__((destructor)) static void finish(void) { puts(WHO " ends"); }
int use(int x) { return base(x); }
