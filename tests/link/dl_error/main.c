/* An error is there once, until it is read or another takes its place. */

#include <string.h>
#include "dl.h"

static void show(const char *what)
{
	const char *error = dlerror();
	printf("%s: %s\n", what, error == NULL ? "no error" : error[0] ? "error" : "empty");
}

int main(void)
{
	show("at first");
	printf("%d\n", dlopen("libnowhere.so", RTLD_NOW) != NULL);
	show("missing library");
	show("read again");
	void *handle = need("libplug.so", RTLD_NOW);
	show("good open");
	printf("%d\n", dlsym(handle, "nowhere") != NULL);
	const char *error = dlerror();
	printf("names the symbol: %d\n", error != NULL && strstr(error, "nowhere") != NULL);
	show("after it");
	dlopen("libnowhere.so", RTLD_NOW);
	error = dlerror();
	printf("names the library: %d\n", error != NULL && strstr(error, "libnowhere.so") != NULL);
	printf("%d\n", call(handle, "there", 3));
	show("good symbol");
	printf("%d\n", dlopen("libplug.so", 0) != NULL);
	show("no mode");
	dlclose(handle);
	show("good close");
	return 0;
}
