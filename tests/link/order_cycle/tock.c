#include <stdio.h>

int tock_ready;
extern int tick_ready;
int tick(int);

__attribute__((constructor)) static void start(void)
{
	tock_ready = 1;
	printf("tock starts, tick %s\n", tick_ready ? "is ready" : "is not");
}

__attribute__((destructor)) static void finish(void)
{
	printf("tock ends\n");
}

int tock(int n)
{
	return n == 0 ? 0 : 10 + tick(n - 1);
}
