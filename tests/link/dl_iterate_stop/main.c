/* The walk ends where the callback says so; the callback may call the loader. */

#define _GNU_SOURCE
#include <link.h>
#include "dl.h"

static int stop(struct dl_phdr_info *info, size_t size, void *data)
{
	int *calls = data;
	return ++*calls == 2 ? 17 : 0;
}

static int never(struct dl_phdr_info *info, size_t size, void *data)
{
	*(int *)data += call(RTLD_DEFAULT, "first", 1);
	return 0;
}

int main(void)
{
	int calls = 0, all = 0, answer = dl_iterate_phdr(stop, &calls);

	printf("%d %d\n", answer, calls);
	answer = dl_iterate_phdr(never, &all);
	printf("%d %d\n", answer, all >= 2);
	return 0;
}
