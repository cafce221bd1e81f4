/* A handler opens a plug-in. */

#include "dl.h"

static void at_exit(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(handle, "plug", 1));
	printf("%d\n", dlclose(handle));
}

int main(void)
{
	atexit(at_exit);
	puts("main ends");
	return 0;
}
