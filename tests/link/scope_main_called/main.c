#include <stdio.h>

int run(void);
int limit = 4;
static int visits;

int visit(int x)
{
	visits++;
	return x * x;
}

int main(void)
{
	for (; limit < 8; limit += 2) {
		int sum = run();
		printf("%d %d\n", sum, visits);
	}
	return 0;
}
