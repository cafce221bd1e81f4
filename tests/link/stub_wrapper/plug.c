#include "dl.h"

int plug(int x)
{
	return x + (dlopen(NULL, RTLD_NOW) != NULL);
}
