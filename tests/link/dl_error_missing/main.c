/* What is not there; and a symbol that nobody has. */

#include "dl.h"

static void try(const char *file, int mode)
{
	void *handle = dlopen(file, mode);
	const char *error = dlerror();
	printf("%d %d\n", handle != NULL, error != NULL);
}

int main(void)
{
	try("libnowhere.so", RTLD_NOW);
	try("libnowhere.so", RTLD_LAZY | RTLD_GLOBAL);
	try("libthere.so", RTLD_LAZY | RTLD_NOLOAD);
	try("./nowhere/libnowhere.so", RTLD_LAZY);
	try(NULL, RTLD_LAZY);
	printf("%d", dlsym(RTLD_DEFAULT, "nobody_has_this") != NULL);
	printf(" %d\n", dlerror() != NULL);
	return 0;
}
