/* A library that holds itself. */

#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	function *let_go = (function *)symbol(handle, "let_go");

	dlclose(handle);
	printf("loaded %d\n", loaded("libplug.so"));
	handle = need("libplug.so", RTLD_NOW);
	let_go(0);
	printf("loaded %d\n", loaded("libplug.so"));
	dlclose(handle);
	printf("loaded %d\n", loaded("libplug.so"));
	return 0;
}
