/* Handlers in opposite order, one registered by another while they run. */

#include <stdio.h>
#include <stdlib.h>

static void late(void) { puts("registered at exit"); }
static void first(void) { puts("first"); }
static void second(void) { puts("second"); atexit(late); }
static void third(void) { puts("third"); }

__attribute__((destructor)) static void finish(void) { puts("destructor"); }

int main(void)
{
	atexit(first);
	atexit(second);
	atexit(third);
	atexit(third);
	puts("main");
	return 3;
}
