/* The program's handle: main and what it needs, then global plug-ins as they came. */

#include "dl.h"

int main(void)
{
	void *self = dlopen(NULL, RTLD_NOW);
	void *two = need("libtwo.so", RTLD_NOW), *one = need("libone.so", RTLD_NOW | RTLD_GLOBAL);

	printf("%d %d\n", call(self, "work", 1), call(self, "more", 1));
	need("libtwo.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d %d\n", call(self, "work", 1), call(self, "more", 1));
	printf("%d %d\n", call(two, "more", 1), call(one, "more", 1));
	return 0;
}
