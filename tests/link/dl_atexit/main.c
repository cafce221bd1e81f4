/* Handlers of a library run when it is closed: afterwards they are gone. */

#include "dl.h"

static void of_main(void) { puts("handler of main"); }

int main(void)
{
	atexit(of_main);
	void *handle = need("libplug.so", RTLD_NOW);
	call(handle, "enroll", 1);
	puts("closing");
	dlclose(handle);
	puts("closed");
	handle = need("libplug.so", RTLD_NOW);
	call(handle, "enroll", 1);
	puts("main ends");
	return 0;
}
