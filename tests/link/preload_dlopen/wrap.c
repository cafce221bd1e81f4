#define _GNU_SOURCE
#include "dl.h"

void *dlopen(const char *file, int mode)
{
	void *(*next)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
	printf("open %s\n", file);
	return next(file, mode);
}
