/* A library registers handlers by the addresses of the functions that do it. */

#include "dl.h"

int main(void)
{
	void *plug = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(plug, "enter", 1));
	fflush(stdout);
	printf("%d\n", dlclose(plug));
	printf("%d\n", loaded("libplug.so"));
	return 0;
}
