#include "dl.h"

int open_inner(int x)
{
	return call(need("$ORIGIN/deep/libinner.so", RTLD_NOW), "which", x);
}
