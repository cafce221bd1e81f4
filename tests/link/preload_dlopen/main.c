/* What is preloaded counts, be it a wrapper or something that only fails. */

#include <stdio.h>
#include <dlfcn.h>

int main(void)
{
	void *handle = dlopen("libplug.so", RTLD_NOW);
	if (!handle) {
		printf("not opened\n");
		return 0;
	}
	int (*plug)(int) = (int (*)(int))dlsym(handle, "plug");
	printf("%d\n", plug(1));
	printf("%d\n", dlclose(handle));
	return 0;
}
