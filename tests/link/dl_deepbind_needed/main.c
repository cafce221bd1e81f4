#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW | RTLD_DEEPBIND);
	printf("%d\n", call(handle, "plug", 1));
	dlclose(handle);
	handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(handle, "plug", 1));
	return 0;
}
