#include "dl.h"

static void *self;

__attribute__((constructor)) static void start(void)
{
	printf("starts, loaded %d\n", loaded("libplug.so"));
	self = need("libplug.so", RTLD_NOW);
	printf("of itself: %d\n", call(self, "number", 4));
}

__attribute__((destructor)) static void finish(void) { puts("ends"); }

int number(int x) { return 10 * x; }
int let_go(int x) { dlclose(self); return x; }
