#define _GNU_SOURCE
#include <link.h>
#include <string.h>
#include "dl.h"

static int show(struct dl_phdr_info *info, size_t size, void *data)
{
	const char *slash = strrchr(info->dlpi_name, '/');

	/* Ours have names of x and another letter. */
	if (slash && strlen(slash) == strlen("/libxx.so") && strncmp(slash, "/libx", 5) == 0)
		putchar(slash[5]);
	return 0;
}

int main(void)
{
	void *handles[14] = { 0 };
	unsigned seed = 1;

	for (int i = 0; i < 60; i++) {
		seed = seed * 1103515245 + 12345;
		int which = seed / 65536 % 14;
		char name[] = "libxa.so";

		name[4] += which;
		if (handles[which]) {
			printf("close %c\n", name[4]);
			dlclose(handles[which]);
			handles[which] = NULL;
		} else {
			printf("open %c\n", name[4]);
			handles[which] = need(name, RTLD_NOW);
			puts(((const char *(*)(void))symbol(handles[which], "last_word"))());
		}
		dl_iterate_phdr(show, NULL);
		puts("");
	}
	for (int i = 0; i < 14; i++)
		if (handles[i])
			dlclose(handles[i]);
	return 0;
}
