/* A name with a slash is a path, and two files are two libraries; one without
   is first looked for among what is loaded. */

#include "dl.h"

int main(void)
{
	void *deep = need("./deep/libplug.so", RTLD_NOW), *here = need("libplug.so", RTLD_NOW);

	printf("%d ", call(deep, "which", 1));
	printf("%d ", call(here, "which", 1));
	printf("%d ", deep == here);
	printf("%d ", dlopen("deep/libplug.so", RTLD_NOW) == deep);
	printf("%d ", dlopen("./libplug.so", RTLD_NOW) == here);
	printf("%d\n", call(need("./libplug.so", RTLD_NOW), "which", 1));
	return 0;
}
