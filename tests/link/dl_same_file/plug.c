#include <stdio.h>

static int count = 10;

__attribute__((constructor)) static void begin(void)
{
	puts("constructor");
}

int next(int x)
{
	return x + count++;
}
