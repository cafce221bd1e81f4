/* RTLD_NOLOAD can make global what is loaded. */

#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", dlsym(RTLD_DEFAULT, "plug") != NULL);
	printf("%d\n", dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL) == handle);
	printf("%d\n", dlsym(RTLD_DEFAULT, "plug") != NULL);
	return 0;
}
