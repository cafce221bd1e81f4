/* A path begins in the current directory. */

#include <unistd.h>

#include "dl.h"

static void try(const char *name)
{
	void *handle = dlopen(name, RTLD_NOW);
	if (!handle) {
		printf("%s: not there\n", name);
		return;
	}
	printf("%s: %d\n", name, call(handle, "which", 0));
	dlclose(handle);
}

int main(void)
{
	printf("%d\n", chdir("deep"));
	try("./libplug.so");
	try("../libplug.so");
	try("inner/libplug.so");
	try("./nowhere.so");
	printf("%d\n", chdir("inner"));
	try("./libplug.so");
	try("../../libplug.so");
	try("inner/libplug.so");
	printf("%d\n", chdir("../.."));
	try("./libplug.so");
	try("deep/libplug.so");
	return 0;
}
