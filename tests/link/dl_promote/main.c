/* Opened as local first, then as global: from then on others see it. */

#include "dl.h"

int main(void)
{
	void *base = need("libbase.so", RTLD_NOW | RTLD_LOCAL);
	call(base, "base_next", 5);
	printf("%d\n", dlopen("libclient.so", RTLD_NOW) != NULL);
	printf("%d\n", dlsym(RTLD_DEFAULT, "base_next") != NULL);
	void *again = need("libbase.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d %d\n", again == base, dlsym(RTLD_DEFAULT, "base_next") != NULL);
	void *client = need("libclient.so", RTLD_NOW);
	printf("%d\n", call(client, "client", 2));
	/* It stays global, whoever closes it. */
	dlclose(again);
	printf("%d\n", dlsym(RTLD_DEFAULT, "base_next") != NULL);
	return 0;
}
