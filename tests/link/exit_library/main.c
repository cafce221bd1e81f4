/* exit in a library, some calls down: everything ends as it should. */

#include <stdio.h>
#include <stdlib.h>

void work(int);

static void at_exit(void) { puts("\nhandler"); }

int main(void)
{
	atexit(at_exit);
	work(4);
	puts("not reached");
	return 1;
}
