// Asks for libraries in a program that is linked without any.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int never(void *info, size_t size, void *data) { return 1; }
int dl_iterate_phdr(int (*)(void *, size_t, void *), void *);

int main(void)
{
	Dl_info info;
	if (dlopen("x.so", RTLD_NOW))
		return 1;
	puts(dlerror());
	char *own = malloc(1000);
	memset(own, 1, 1000);
	if (dlsym(RTLD_DEFAULT, "nothing"))
		return 2;
	puts(dlerror());
	int sum = 0;
	for (int i = 0; i < 1000; i++)
		sum += own[i];
	printf("%d %d %d\n", dladdr(own, &info), dl_iterate_phdr((void *)never, 0), sum);
	return dlerror() ? 3 : 0;
}
