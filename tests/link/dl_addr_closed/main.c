/* What is gone has no symbols. */

#define _GNU_SOURCE
#include "dl.h"

int main(void)
{
	Dl_info info;
	void *handle = need("libplug.so", RTLD_NOW);
	void *value = symbol(handle, "value"), *plug = symbol(handle, "plug");

	printf("%d %d\n", dladdr(value, &info) != 0, dladdr(plug, &info) != 0);
	dlclose(handle);
	printf("%d %d\n", dladdr(value, &info) != 0, dladdr(plug, &info) != 0);
	return 0;
}
