/* RTLD_GLOBAL is for what the library needs, too. */

#include "dl.h"

int main(void)
{
	void *local = need("libplug.so", RTLD_NOW);
	printf("%d %d\n", dlsym(RTLD_DEFAULT, "help") != NULL, dlopen("libclient.so", RTLD_NOW) != NULL);
	need("libplug.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d\n", dlsym(RTLD_DEFAULT, "help") == dlsym(local, "help"));
	printf("%d\n", call(need("libclient.so", RTLD_NOW), "client", 1));
	return 0;
}
