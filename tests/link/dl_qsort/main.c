/* libc calls a plug-in, for main and for the plug-in. */

#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	int (**order)(const void *, const void *) = symbol(handle, "plug_order");
	int values[5] = { 3, 1, 4, 1, 5 };

	qsort(values, 5, sizeof *values, *order);
	for (int i = 0; i < 5; i++)
		printf("%d ", values[i]);
	printf("%d ", call(handle, "sort_three", 11));
	printf("%d\n", call(handle, "called", 0));
	return 0;
}
