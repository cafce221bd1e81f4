/* The SDK's libdl.so, whose functions only fail, is linked with: the loader's
   take their place wherever they are looked up. */

#include "dl.h"

int main(void)
{
	printf("%d\n", dlopen("libnone.so", RTLD_NOW) != NULL);
	printf("%d\n", dlerror() != NULL);
	void *handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(handle, "plug", 5));
	printf("%d\n", dlsym(RTLD_DEFAULT, "dlopen") == (void *)dlopen);
	printf("%d\n", symbol(NULL, "dlsym") == symbol(RTLD_NEXT, "dlsym"));
	printf("%d\n", symbol(handle, "dlclose") == (void *)dlclose);
	void *(*volatile open)(const char *, int) = dlopen;
	printf("%d\n", open("libplug.so", RTLD_NOW) == handle);
	printf("%d\n", dlclose(handle));
	printf("%d\n", dlclose(handle));
	return 0;
}
