/* Libraries are ready before those that need them, and main comes last; they
   end in the opposite order. */

#include <stdlib.h>
#include "log.h"

static void at_exit(void)
{
	note("main's atexit");
}

__attribute__((constructor)) static void start(void)
{
	note("main's constructor");
}

__attribute__((destructor)) static void finish(void)
{
	note("main ends");
}

int main(void)
{
	atexit(at_exit);
	note("main");
	return 0;
}
