#include <stdio.h>
#include <stdlib.h>

__attribute__((destructor)) static void finish(void) { puts("inner ends"); }

void leave(int code)
{
	printf("leaving with %d", code);
	exit(code);
}
