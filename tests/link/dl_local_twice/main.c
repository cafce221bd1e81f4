#include "dl.h"

int main(void)
{
	void *p = need("libp.so", RTLD_NOW), *q = need("libq.so", RTLD_NOW);

	printf("%d %d\n", call(p, "plug", 1), call(p, "by_pointer", 1));
	printf("%d %d\n", call(q, "plug", 1), call(q, "by_pointer", 1));
	return 0;
}
