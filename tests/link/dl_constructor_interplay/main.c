/* A constructor opens, uses and closes a library that shares another with it. */

#include "dl.h"

int main(void)
{
	void *p = need("libp.so", RTLD_NOW);
	for (int i = 0; call(p, "noted", i) >= 0; i++)
		printf("%d ", call(p, "noted", i));
	printf("%d\n", loaded("libq.so"));
	return 0;
}
