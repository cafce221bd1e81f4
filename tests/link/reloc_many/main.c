#include <stdio.h>

int **index_of(int);

int main(void)
{
	long sum = 0, in_order = 0;

	for (int i = 0; i < 1000; i++) {
		sum += (long)**index_of(i) * (i % 7);
		in_order += **index_of(i) == 999 - i;
	}
	printf("%ld %ld %d\n", sum, in_order, *index_of(999)[0]);
	return 0;
}
