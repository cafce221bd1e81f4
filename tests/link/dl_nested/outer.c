#include "dl.h"

static void *inner;

__attribute__((constructor)) static void start(void)
{
	puts("outer starts");
	inner = need("libinner.so", RTLD_NOW);
	printf("outer has started, inner says %d\n", call(inner, "inner_function", 1));
}

__attribute__((destructor)) static void finish(void)
{
	puts("outer ends");
}

int outer_function(int x) { return 10 * call(inner, "inner_function", x); }
int outer_close(int x) { return x + dlclose(inner); }
