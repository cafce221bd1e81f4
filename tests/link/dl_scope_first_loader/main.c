#include "dl.h"

int main(void)
{
	void *p = need("libp.so", RTLD_NOW), *q = need("libq.so", RTLD_NOW);

	printf("%d ", call(p, "use", 1));
	printf("%d\n", call(q, "use", 1));
	dlclose(p);
	printf("%d ", loaded("libp.so"));
	printf("%d\n", call(q, "use", 2));
	dlclose(q);
	printf("%d %d %d\n", loaded("libp.so"), loaded("libq.so"), loaded("libbase.so"));
	q = need("libq.so", RTLD_NOW);
	printf("%d\n", call(q, "use", 3));
	return 0;
}
