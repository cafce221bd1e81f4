/* Handlers of main and of libraries are one list. */

#include <stdio.h>
#include <stdlib.h>

void upper(void);
static void one(void) { puts("main's first"); }
static void two(void) { puts("main's second"); }

int main(void)
{
	atexit(one);
	upper();
	atexit(two);
	return 0;
}
