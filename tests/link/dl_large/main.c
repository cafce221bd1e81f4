/* Two megabytes of zeroes, each time. */

#include "dl.h"

int main(void)
{
	for (int i = 0; i < 5; i++) {
		void *handle = need("libplug.so", RTLD_NOW);
		char *block = malloc(100000);
		printf("%d\n", call(handle, "check", -1));
		for (int k = 0; k < 100000; k++)
			((volatile char *)block)[k] = 1;
		dlclose(handle);
		free(block);
	}
	return 0;
}
