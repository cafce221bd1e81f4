/* Load order, by dl_iterate_phdr, and the order of constructors and destructors. */

#define _GNU_SOURCE
#include <link.h>
#include <string.h>
#include "dl.h"

const char *last_word(void);

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
	dl_iterate_phdr(show, NULL);
	printf(" %s\n", last_word());
	return 0;
}
