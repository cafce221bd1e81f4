#include <stdio.h>
__attribute__((constructor)) static void start(void) { puts("present starts"); }
__attribute__((destructor)) static void finish(void) { puts("present ends"); }
int present(int x) { return 7 * x; }
