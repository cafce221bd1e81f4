/* Pointers to functions in initialised data, across modules: each function has
   one address, whoever takes it. */

#include <stdio.h>
#include "ops.h"

int times(int a, int b)
{
	return a * b;
}

static const struct op local[] = {
	{ "plus", plus }, { "minus", minus }, { "times", times }, { "none", 0 },
};

static void show(const char *who, const struct op *ops)
{
	for (; ops->call; ops++)
		printf("%s %s %d\n", who, ops->name, ops->call(7, 5));
}

int main(void)
{
	show("main", local);
	show("ops", ops_table());
	show("more", more_table());

	printf("plus %d %d %d\n", plus == ops_table()[0].call, plus == get_plus(),
	       local[0].call == more_table()[0].call);
	printf("minus %d %d\n", is_minus(minus), is_minus(plus));
	printf("times %d %d\n", times == more_table()[1].call, local[2].call == more_table()[1].call);
	return 0;
}
