/* The stubs may be in any library, as in a libc.so. */

#include "dl.h"

int system_level(int);

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	printf("%d %d\n", call(handle, "plug", 1), system_level(1));
	printf("%d\n", dlclose(handle));
	printf("%d\n", dlsym(RTLD_DEFAULT, "nothing") != NULL);
	printf("%d\n", dlerror() != NULL);
	return 0;
}
