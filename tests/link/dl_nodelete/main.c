/* Closed, and yet there, with its data; it ends with the program. */

#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW | RTLD_NODELETE);
	function *next = (function *)symbol(handle, "next");

	printf("%d\n", next(5));
	printf("%d\n", dlclose(handle));
	printf("%d %d\n", loaded("libplug.so"), next(1));
	handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(handle, "next", 1));
	dlclose(handle);
	puts("main ends");
	return 0;
}
