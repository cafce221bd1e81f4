#include "dl.h"

int host_level = 3;
static void *handle;

int host_start(const char *name)
{
	handle = need(name, RTLD_NOW);
	return call(handle, "plug", 10);
}

int host_stop(void)
{
	return dlclose(handle);
}
