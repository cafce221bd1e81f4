/* Which object and which symbol an address belongs to, where main is at fixed
 * addresses: what it has a copy of is its own. A pointer to a function of the
 * library has that function's name everywhere; whose it is, natively main's,
 * is not asked here. */

#define _GNU_SOURCE
#include <string.h>
#include "dl.h"

int linked_function(int);
extern int linked_value, linked_array[10];
int main_value = 2;

static const char *last(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void show(const void *address)
{
	Dl_info info;

	if (!dladdr(address, &info) || !info.dli_sname) {
		puts("nowhere");
		return;
	}
	/* A program has another suffix on each side. */
	printf("%.4s %s %s %d\n", last(info.dli_fname), info.dli_sname,
	       info.dli_saddr == address ? "exact" : "inside", info.dli_fbase != NULL);
}

int main(void)
{
	Dl_info info;

	show(&linked_value);
	show(&linked_array[3]);
	show(symbol(RTLD_DEFAULT, "linked_value"));
	show(symbol(RTLD_DEFAULT, "unused_value"));
	printf("%d ", dladdr((void *)linked_function, &info));
	printf("%s %d\n", info.dli_sname, info.dli_saddr == (void *)linked_function);
	printf("%d\n", symbol(RTLD_DEFAULT, "linked_function") == (void *)linked_function);
	printf("%d %d\n", dladdr(&main_value, &info), info.dli_fbase != NULL);
	return 0;
}
