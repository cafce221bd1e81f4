/* A constructor may use the library that it needs. */

#include <stdio.h>

int client_sum(void), square(int);
static int at_start;

__attribute__((constructor)) static void start(void)
{
	at_start = client_sum() + square(2);
}

int main(void)
{
	printf("%d %d\n", client_sum(), at_start);
	return 0;
}
