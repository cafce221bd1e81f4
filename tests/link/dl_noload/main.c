/* RTLD_NOLOAD loads nothing, but counts. */

#include "dl.h"

int linked(int);

int main(void)
{
	printf("%d %d\n", dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD) != NULL, loaded("liblinked.so"));
	printf("%d", dlerror() != NULL);
	printf("%d", dlopen("libnowhere.so", RTLD_NOW | RTLD_NOLOAD) != NULL);
	printf("%d\n", dlerror() != NULL);
	void *handle = need("libplug.so", RTLD_NOW);
	void *again = dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD);
	printf("%d\n", handle == again);
	dlclose(handle);
	printf("%d\n", loaded("libplug.so"));
	dlclose(handle);
	printf("%d %d\n", loaded("libplug.so"), linked(3));
	return 0;
}
