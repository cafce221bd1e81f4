// Opens a library and calls it, as the first experiment's demonstration did.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	void *library = dlopen(argc > 1 ? argv[1] : "dlworld.wasm", RTLD_NOW);
	if (!library) {
		puts(dlerror());
		abort();
	}
	dlerror();
	void (*world)(void) = (void (*)(void))dlsym(library, argc > 2 ? argv[2] : "world");
	const char *error = dlerror();
	if (error) {
		puts(error);
		return 1;
	}
	world();
	dlclose(library);
	return 0;
}
