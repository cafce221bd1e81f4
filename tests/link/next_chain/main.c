/* Three definitions, each calling the next; main's first. */

#define _GNU_SOURCE
#include "dl.h"

int work(int x)
{
	function *next = (function *)symbol(RTLD_NEXT, "work");
	return next(10 * x + 9);
}

int main(void)
{
	printf("%d\n", work(0));
	return 0;
}
