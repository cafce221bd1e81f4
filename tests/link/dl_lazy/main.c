/* A function that is never called need not be there, under RTLD_LAZY. */

#include "dl.h"

int main(void)
{
	printf("%d\n", dlopen("libplug.so", RTLD_NOW) != NULL);
	void *handle = need("libplug.so", RTLD_LAZY);
	printf("%d\n", call(handle, "fine", 4));
	dlclose(handle);
	printf("%d\n", dlopen("libplug.so", RTLD_NOW) != NULL);
	return 0;
}
