/* A plug-in's references: the global scope first, then its own. */

#include "dl.h"

int main_has_this_too = 6;
int of_main(int x) { return 1000 + x; }

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);

	printf("%d\n", call(handle, "by_call", 1));
	for (int i = 0; i < 3; i++)
		printf("%d ", call(handle, "by_pointer", i));
	printf("\n%d %d\n", call(handle, "levels", 0), call(handle, "interposed", 0));
	return 0;
}
