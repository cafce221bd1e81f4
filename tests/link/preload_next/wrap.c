#define _GNU_SOURCE
#include "dl.h"

int work(int x)
{
	return ((function *)symbol(RTLD_NEXT, "work"))(10 * x + NUMBER) + NUMBER;
}
