/* A handler uses a plug-in, and closes it. */

#include "dl.h"

static void *handle;

static void at_exit(void)
{
	printf("%d\n", call(handle, "plug", 1));
	printf("%d\n", dlclose(handle));
	printf("loaded %d\n", loaded("libplug.so"));
}

int main(void)
{
	handle = need("libplug.so", RTLD_NOW);
	atexit(at_exit);
	return 0;
}
