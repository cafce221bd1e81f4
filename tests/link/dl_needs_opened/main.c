/* Needed by another, an open library outlives its own handle. */

#include "dl.h"

int main(void)
{
	void *base = need("libbase.so", RTLD_NOW | RTLD_LOCAL);
	*(int *)symbol(base, "state") = 50;
	void *top = need("libtop.so", RTLD_NOW);
	printf("%d\n", call(top, "top", 1));
	dlclose(base);
	printf("%d\n", call(top, "top", 1));
	puts("closing top");
	dlclose(top);
	puts("closed");
	base = need("libbase.so", RTLD_NOW);
	printf("%d\n", call(base, "get", 0));
	return 0;
}
