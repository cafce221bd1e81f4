/* Loaded anew, its data are as at first. */

#include "dl.h"

int main(void)
{
	for (int i = 0; i < 3; i++) {
		void *handle = need("libplug.so", RTLD_NOW);
		printf("%d ", call(handle, "next", 5));
		printf("%d\n", call(handle, "next", 5));
		*(int **)symbol(handle, "pointer") = NULL;
		dlclose(handle);
		/* What was its memory is used for something else. */
		char *block = malloc(20000);
		for (int k = 0; k < 20000; k++)
			((volatile char *)block)[k] = -1;
		free(block);
	}
	return 0;
}
