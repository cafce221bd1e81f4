/* Constructors by priority, whichever source they stand in; destructors the
   other way round. */

#include <stdio.h>

__attribute__((constructor(150))) static void early(void) { puts("main's, 150"); }
__attribute__((constructor)) static void late(void) { puts("main's"); }

int main(void)
{
	puts("main");
	return 0;
}
