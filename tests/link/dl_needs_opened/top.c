#include <stdio.h>
extern int state;
int get(int);
__attribute__((destructor)) static void finish(void) { printf("top ends\n"); }
int top(int x) { state += x; return get(0); }
