#define _GNU_SOURCE
#include "dl.h"

int work(int x)
{
	function *next = (function *)symbol(RTLD_NEXT, "work");
	return 1000 + next(x + 1);
}

int last(int x)
{
	return x + (dlsym(RTLD_NEXT, "only_wrap") != NULL);
}

int only_wrap(int x)
{
	return x;
}
