#define _GNU_SOURCE
#include "dl.h"

int work(int x)
{
	function *next = (function *)dlsym(RTLD_NEXT, "work");
	return next ? next(10 * x + NUMBER) : -(10 * x + NUMBER);
}
