#include <stdlib.h>

static int calls;
static int order(const void *a, const void *b)
{
	calls++;
	return *(const int *)b - *(const int *)a;
}

int (*plug_order)(const void *, const void *) = order;

int sort_three(int x)
{
	int values[3] = { 5, x, 20 };
	qsort(values, 3, sizeof *values, plug_order);
	return values[0] * 10000 + values[1] * 100 + values[2];
}

int called(int x) { return (calls > 0) + x; }
