/* The loaded objects, ours among them, in load order; and how many came and went. */

#define _GNU_SOURCE
#include <link.h>
#include <string.h>
#include "dl.h"

static unsigned long long adds, subs;

static int show(struct dl_phdr_info *info, size_t size, void *data)
{
	const char *const ours[] = { "libfirst.so", "libsecond.so", "libplug.so", "libthird.so" };
	const char *slash = strrchr(info->dlpi_name, '/'), *name = slash ? slash + 1 : info->dlpi_name;

	if (size < sizeof *info || data != &adds)
		printf("size or data is wrong\n");
	if (info->dlpi_name[0] == 0 || strcmp(name, "main.wasm") == 0)
		printf("main ");
	for (int i = 0; i < 4; i++)
		if (strcmp(name, ours[i]) == 0)
			printf("%s ", name);
	adds = info->dlpi_adds;
	subs = info->dlpi_subs;
	return 0;
}

int main(void)
{
	dl_iterate_phdr(show, &adds);
	unsigned long long first = adds;
	printf("%d %d\n", adds > 2, (int)subs);
	void *plug = need("libplug.so", RTLD_NOW);
	dl_iterate_phdr(show, &adds);
	printf("%d %d\n", (int)(adds - first), (int)subs);
	dlclose(plug);
	dl_iterate_phdr(show, &adds);
	printf("%d %d\n", (int)(adds - first), (int)subs);
	need("libplug.so", RTLD_NOW);
	dl_iterate_phdr(show, &adds);
	printf("%d %d\n", (int)(adds - first), (int)subs);
	return 0;
}
