/* Which object and which symbol an address belongs to. */

#define _GNU_SOURCE
#include <string.h>
#include "dl.h"

int linked_function(int);
extern int linked_value, linked_array[10];
int main_value = 2;
int main_function(int x) { return x; }
static const void *base_of_plug;

static void show(const void *address)
{
	Dl_info info;

	if (!dladdr(address, &info)) {
		puts("nowhere");
		return;
	}
	const char *slash = strrchr(info.dli_fname, '/');
	printf("%s %s", slash ? slash + 1 : info.dli_fname, info.dli_sname ? info.dli_sname : "-");
	printf(" %s %d\n", info.dli_saddr == address ? "exact" : "inside", info.dli_fbase != NULL);
	base_of_plug = info.dli_fbase;
}

int main(void)
{
	show((void *)main_function);
	show(&main_value);
	show((void *)linked_function);
	show(&linked_value);
	show(&linked_array[3]);
	void *handle = need("libplug.so", RTLD_NOW);
	void *function = symbol(handle, "plug_function");
	show(symbol(handle, "plug_value"));
	const void *base = base_of_plug;
	show(function);
	printf("%d\n", base == base_of_plug);
	show(symbol(handle, "plug_other"));
	dlclose(handle);
	int local = 0;
	printf("%d\n", dladdr(&local, &(Dl_info){ 0 }));
	return local;
}
