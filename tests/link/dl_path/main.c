/* A name with a slash is a path; two files of one name are two libraries. */

#include "dl.h"

int main(void)
{
	void *deep = need("./deep/libplug.so", RTLD_NOW), *here = need("libplug.so", RTLD_NOW);

	printf("%d ", call(deep, "which", 1));
	printf("%d ", call(here, "which", 1));
	printf("%d ", deep == here);
	printf("%d ", dlopen("deep/libplug.so", RTLD_NOW) == deep);
	printf("%d\n", dlopen("./libplug.so", RTLD_NOW) == here);
	return 0;
}
