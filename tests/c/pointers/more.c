#include "ops.h"

static const struct op table[] = { { "plus", plus }, { "times", times }, { "none", 0 } };

const struct op *more_table(void)
{
	return table;
}
