/* Opened and closed a thousand times: nothing piles up. */

#include "dl.h"

int main(void)
{
	long sum = 0;

	for (int i = 0; i < 1000; i++) {
		void *handle = dlopen("libplug.so", RTLD_NOW);
		if (!handle) {
			printf("failed at %d\n", i);
			return 1;
		}
		call(handle, "next", i);
		sum += call(handle, "next", i);
		if (dlclose(handle))
			return 2;
	}
	printf("%ld %d\n", sum, loaded("libplug.so"));
	void *handle = need("libplug.so", RTLD_NOW);
	for (int i = 0; i < 1000; i++)
		if (dlopen("libplug.so", RTLD_NOW) != handle)
			return 3;
	for (int i = 0; i < 1000; i++)
		dlclose(handle);
	printf("%d\n", loaded("libplug.so"));
	dlclose(handle);
	printf("%d\n", loaded("libplug.so"));
	return 0;
}
