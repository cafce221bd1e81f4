#include <stdio.h>

void world(void) { puts("World!"); }
