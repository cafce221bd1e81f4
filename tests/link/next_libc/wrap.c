#define _GNU_SOURCE
#include "dl.h"

int calls;

char *getenv(const char *name)
{
	char *(*next)(const char *) = (char *(*)(const char *))dlsym(RTLD_NEXT, "getenv");
	char *value = next(name);
	calls++;
	return value ? value : (char *)"by the wrapper";
}
