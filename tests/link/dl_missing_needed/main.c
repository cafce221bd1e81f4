/* A library that cannot be loaded leaves nothing behind, not even what it
   needs and what is there. */

#include "dl.h"

int main(void)
{
	for (int i = 0; i < 3; i++) {
		void *handle = dlopen("libbroken.so", RTLD_NOW | RTLD_GLOBAL);
		printf("%d %d\n", handle != NULL, dlerror() != NULL);
		printf("%d %d\n", loaded("libbroken.so"), loaded("libpresent.so"));
	}
	dlerror();
	void *good = need("libgood.so", RTLD_NOW);
	printf("%d %d\n", call(good, "good", 6), dlerror() != NULL);
	return 0;
}
