/* A callback of main, called by a library within a callback of another. */

#include <stdio.h>

typedef int step(int, void *);
int twice_nested(int, int, step *, void *);

static int add(int value, void *data)
{
	int *calls = data;
	return value + ++*calls;
}

int main(void)
{
	int calls = 0;
	int sum = twice_nested(3, 4, add, &calls);
	printf("%d %d\n", sum, calls);
	return 0;
}
