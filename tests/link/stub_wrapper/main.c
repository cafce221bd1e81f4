/* A needed library wraps dlopen: it is no stub, and comes first. */

#include "dl.h"

int opened(int);

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(handle, "plug", 1));
	printf("%d\n", opened(0));
	printf("%d\n", symbol(RTLD_DEFAULT, "dlopen") == symbol(NULL, "dlopen"));
	printf("%d\n", symbol(RTLD_DEFAULT, "dlopen") == (void *)dlopen);
	printf("%d\n", dlclose(handle));
	return 0;
}
