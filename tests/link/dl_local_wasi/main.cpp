// RTLD_LOCAL by the SDK's own header, where it is not 0: what a plug-in has in
// common with main is main's, or what is preloaded.

#ifdef __wasi__
#include <wasm32-wasip1/../wasm32-wasip1/dlfcn.h>
static_assert(RTLD_LOCAL == 8, "the SDK's own header");
#else
#include <dlfcn.h>
#endif
#include <stdio.h>

#include "shared.h"

extern "C" {
int level = 5;
}

int main()
{
	void *handle = dlopen("libplug.so", RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		printf("%s\n", dlerror());
		return 1;
	}
	int (*get)() = (int (*)())dlsym(handle, "get");
	const void *(*kind)() = (const void *(*)())dlsym(handle, "kind");
	int (*ask)() = (int (*)())dlsym(handle, "ask");
	printf("%d %d\n", get(), kind() == &Kind<int>::id);
	printf("%d %d\n", ask(), dlsym(RTLD_DEFAULT, "get") != nullptr);
	printf("%d\n", dlopen("libplug.so", RTLD_LAZY | RTLD_GLOBAL | RTLD_LOCAL) == handle);
	printf("%d\n", dlsym(RTLD_DEFAULT, "get") == (void *)get);
	return 0;
}
