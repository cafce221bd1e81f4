/* exit before main has begun. */

#include <stdio.h>

__attribute__((constructor)) static void start(void) { puts("not reached"); }

int main(void)
{
	puts("not reached");
	return 0;
}
