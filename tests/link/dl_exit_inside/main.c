/* exit, called in a plug-in. */

#include "dl.h"

static void handler(void) { puts(" with a handler"); }

int main(void)
{
	atexit(handler);
	return call(need("libplug.so", RTLD_NOW), "leave", 6);
}
