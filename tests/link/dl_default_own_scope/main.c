/* RTLD_DEFAULT in a local library: the global scope, then the library's own. */

#include "dl.h"

int of_main(int x) { return 700 + x; }

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW | RTLD_LOCAL);
	int own = call(handle, "ask_own", 1), help = call(handle, "ask_help", 1);

	printf("%d %d %d\n", own, help, call(handle, "ask_main", 1));
	printf("%d\n", dlsym(RTLD_DEFAULT, "own") != NULL);
	return 0;
}
