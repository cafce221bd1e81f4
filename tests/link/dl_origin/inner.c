#include "dl.h"

int which(int x)
{
	return x + 10;
}

int open_deeper(int x)
{
	return call(need("$ORIGIN/deeper/libinner.so", RTLD_NOW), "which", x);
}
