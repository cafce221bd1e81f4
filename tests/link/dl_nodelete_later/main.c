/* Made permanent by a later opening that loads nothing. */

#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(handle, "next", 1));
	void *again = dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
	printf("%d\n", again == handle);
	dlclose(again);
	dlclose(handle);
	handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(handle, "next", 1));
	return 0;
}
