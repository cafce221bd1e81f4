/* Opened before main's constructors have run. */

#include <stdio.h>

int host(int);
static int started;

__attribute__((constructor)) static void start(void)
{
	puts("main starts");
	started = 10;
}

int of_main(int x)
{
	return 100 * x + started;
}

int main(void)
{
	printf("%d\n", host(2));
	return 0;
}
