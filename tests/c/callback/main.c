/* A library calls into main: through a pointer that it was given, and by name. */

#include <stdio.h>

typedef int visitor(void *state, int value);
int visit(int from, int to, visitor *visitor, void *state);
int visit_by_name(int count);

static int add(void *state, int value)
{
	*(int *)state += value;
	return value == 7;
}

int supplied_by_main(int value)
{
	printf("main sees %d\n", value);
	return value * value;
}

/* Main's function calls the library again, below the library's own frame. */
static int nested(void *state, int value)
{
	return visit(0, value, add, state);
}

int main(void)
{
	int sum = 0;
	int last = visit(1, 100, add, &sum);
	printf("%d %d\n", last, sum);
	sum = 0;
	last = visit(1, 4, nested, &sum);
	printf("%d %d\n", last, sum);
	printf("%d\n", visit_by_name(3));
	return 0;
}
