/* A library that three modules need is loaded once, and constructed once. */

#include <stdio.h>

int left(void), right(void), constructions(void), *counter(void);

int main(void)
{
	printf("left %d\n", left());
	printf("right %d\n", right());
	printf("counter %d\n", *counter());
	printf("constructed %d\n", constructions());
	return 0;
}
