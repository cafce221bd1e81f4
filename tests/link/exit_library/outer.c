#include <stdio.h>

void leave(int);

__attribute__((destructor)) static void finish(void) { puts("outer ends"); }

void work(int depth)
{
	if (depth == 0)
		leave(7);
	work(depth - 1);
	puts("not reached");
}
