#include <stdlib.h>

int order_down(const void *, const void *);
static int calls;
static int (*inner)(const void *, const void *);

static int counted(const void *a, const void *b)
{
	calls++;
	return inner(a, b);
}

int sort_with(int *values, int count, int (*order)(const void *, const void *))
{
	calls = 0;
	inner = order;
	qsort(values, (size_t)count, sizeof *values, counted);
	return calls > 0;
}

void sort_down(int *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, order_down);
}
