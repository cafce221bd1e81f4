#include "ops.h"

int plus(int a, int b)
{
	return a + b;
}

int minus(int a, int b)
{
	return a - b;
}

static int twice(int a, int b)
{
	return 2 * (a + b);
}

static const struct op table[] = {
	{ "plus", plus }, { "minus", minus }, { "twice", twice }, { "none", 0 },
};

const struct op *ops_table(void)
{
	return table;
}

binary *get_plus(void)
{
	return plus;
}

int is_minus(binary *call)
{
	return call == minus;
}
