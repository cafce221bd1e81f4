/* Closed once too often is an error, and nothing else: the other needs it. */

#include "dl.h"

int main(void)
{
	void *plug = need("libplug.so", RTLD_NOW), *base = need("libbase.so", RTLD_NOW);

	printf("%d\n", dlclose(base));
	printf("%d\n", call(plug, "plug", 3));
	printf("%d ", dlclose(base) != 0);
	printf("%d\n", dlerror() != NULL);
	printf("%d\n", call(plug, "plug", 3));
	printf("%d\n", dlclose(plug));
	return 0;
}
