#include <stdio.h>
__attribute__((constructor)) static void start(void) { puts("plug starts"); }
int of_main(int);
int plug(int x) { return of_main(x) + 1; }
