// Calls through a pointer to what is closed.
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
	void *library = dlopen("counter.wasm", RTLD_NOW);
	int (*count_up)(int) = (int (*)(int))dlsym(library, "count_up");
	printf("%d\n", count_up(2));
	fflush(stdout);
	dlclose(library);
	return count_up(2);
}
