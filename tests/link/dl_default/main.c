/* RTLD_DEFAULT is the order of the global scope. */

#include "dl.h"

int only_main(int x) { return x; }

int main(void)
{
	printf("%d %d\n", call(RTLD_DEFAULT, "who", 1), call(RTLD_DEFAULT, "only_main", 2));
	printf("%d\n", dlsym(RTLD_DEFAULT, "only_plug") != NULL);
	void *handle = need("libplug.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d %d\n", call(RTLD_DEFAULT, "who", 1), call(handle, "who", 1));
	printf("%d\n", call(RTLD_DEFAULT, "only_plug", 3));
	printf("%d\n", call(RTLD_DEFAULT, "only_linked", 1));
	return 0;
}
