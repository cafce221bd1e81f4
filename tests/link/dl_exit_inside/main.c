/* exit, called in a plug-in. */

#include "dl.h"

static void handler(void) { puts(" with a handler"); }

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);

	atexit(handler);
	return call(handle, "leave", 6);
}
