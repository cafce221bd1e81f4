#include <stdio.h>

int tick_ready;
extern int tock_ready;
int tock(int);

__attribute__((constructor)) static void start(void)
{
	tick_ready = 1;
	printf("tick starts, tock %s\n", tock_ready ? "is ready" : "is not");
}

__attribute__((destructor)) static void finish(void)
{
	printf("tick ends\n");
}

int tick(int n)
{
	return n == 0 ? 0 : 1 + tock(n - 1);
}
