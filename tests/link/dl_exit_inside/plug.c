#include <stdio.h>
#include <stdlib.h>

__attribute__((destructor)) static void finish(void) { puts("plug ends"); }

int leave(int code)
{
	printf("leaving");
	exit(code);
}
