#include "errors.h"

Trace::~Trace()
{
	printf("  %s goes\n", name);
}

int fail(int code)
{
	Trace trace = { "fail" };
	if (code > 100)
		throw Other { "too much" };
	if (code > 0)
		throw Error { code };
	return code - 1;
}
