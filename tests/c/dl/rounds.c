// Opens, calls and closes, many times; memory stays as it is.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	int rounds = atoi(argv[1]);
	unsigned long pages = 0;
	for (int i = 0; i < rounds; i++) {
		void *library = dlopen("counter.wasm", RTLD_NOW);
		if (!library)
			return puts(dlerror()), 1;
		int (*count_up)(int) = (int (*)(int))dlsym(library, "count_up");
		if (!count_up || count_up(2) != 42)
			return puts("not fresh"), 2;
		if (dlclose(library))
			return puts(dlerror()), 3;
		if (dlopen("counter.wasm", RTLD_NOW | RTLD_NOLOAD))
			return puts("still there"), 4;
		if (i == 100)
			pages = __builtin_wasm_memory_size(0);
	}
	printf("%d rounds, %s\n", rounds,
	       __builtin_wasm_memory_size(0) == pages ? "constant memory" : "memory grows");
	return 0;
}
