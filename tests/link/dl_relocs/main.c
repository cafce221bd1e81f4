/* A plug-in's static data point everywhere. */

#include "dl.h"

int main_array[3] = { 7, 8, 9 };
int of_main(int x) { return x + 100; }

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	int *const *pointers = symbol(handle, "plug_pointers");

	printf("%d\n", call(handle, "sum", 0));
	printf("%d\n", pointers[1] == &main_array[1]);
	printf("%d\n", ((function *const *)symbol(handle, "plug_table"))[2] == of_main);
	return 0;
}
