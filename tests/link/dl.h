/* What most cases with plug-ins need. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* The one type of function that most plug-ins have. */
typedef int function(int);

/* Opens a library that has to be there. */
static inline void *need(const char *file, int mode)
{
	void *handle = dlopen(file, mode);
	if (!handle) {
		printf("cannot open %s: %s\n", file, dlerror());
		exit(1);
	}
	return handle;
}

/* Looks up a symbol that has to be there. */
static inline void *symbol(void *handle, const char *name)
{
	void *address = dlsym(handle, name);
	if (!address) {
		printf("no symbol %s: %s\n", name, dlerror());
		exit(1);
	}
	return address;
}

/* Calls a function by its name. */
static inline int call(void *handle, const char *name, int argument)
{
	return ((function *)symbol(handle, name))(argument);
}

/* Whether a library is loaded. */
static inline int loaded(const char *file)
{
	void *handle = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
	if (handle)
		dlclose(handle);
	return handle != NULL;
}
