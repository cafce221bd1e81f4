/* libc's qsort calls back into any module. */

#include <stdio.h>
#include <stdlib.h>

int sort_with(int *, int, int (*)(const void *, const void *));
void sort_down(int *, int);
int (*order_up(void))(const void *, const void *);

static int by_last_digit(const void *a, const void *b)
{
	return *(const int *)a % 10 - *(const int *)b % 10;
}

static void show(const int *values)
{
	for (int i = 0; i < 6; i++)
		printf("%d ", values[i]);
	puts("");
}

int main(void)
{
	int values[6] = { 35, 12, 99, 41, 8, 77 };
	int key = 41;

	printf("%d ", sort_with(values, 6, by_last_digit));
	show(values);
	sort_down(values, 6);
	show(values);
	qsort(values, 6, sizeof *values, order_up());
	show(values);
	int *found = bsearch(&key, values, 6, sizeof *values, order_up());
	printf("%d\n", (int)(found - values));
	return 0;
}
