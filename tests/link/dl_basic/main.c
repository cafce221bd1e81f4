/* Open, look up a function and data, use both, close. */

#include "dl.h"

int main(void)
{
	puts("before");
	void *handle = need("libplug.so", RTLD_NOW);
	puts("opened");
	int *number = symbol(handle, "number");
	printf("%d\n", call(handle, "add", 8));
	*number = 100;
	printf("%d\n", call(handle, "add", 1));
	printf("%d %s\n", *number, *(const char **)symbol(handle, "text"));
	printf("close %d\n", dlclose(handle));
	puts("after");
	return 0;
}
