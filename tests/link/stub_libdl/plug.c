#include "dl.h"

int plug(int x)
{
	void *leaf = need("libleaf.so", RTLD_LAZY);
	int y = call(leaf, "leaf", x);
	return dlclose(leaf) + y;
}
