/* What is preloaded is in the scope of plug-ins too. */

#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	printf("%d %d\n", call(handle, "plug", 3), call(handle, "policy", 3));
	printf("%d %d\n", loaded("libpre.so"), dlsym(RTLD_DEFAULT, "policy") != NULL);
	return 0;
}
