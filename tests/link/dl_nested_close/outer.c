#include "dl.h"

static void *inner;

__attribute__((constructor)) static void start(void)
{
	inner = need("libinner.so", RTLD_NOW);
}

__attribute__((destructor)) static void finish(void)
{
	puts("outer ends");
	printf("%d\n", dlclose(inner));
	puts("outer has ended");
}

int outer_function(int x) { return call(inner, "inner_function", x); }
