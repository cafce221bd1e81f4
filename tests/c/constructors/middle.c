#include "log.h"

__attribute__((constructor(200))) static void second(void)
{
	note("middle, priority 200");
}

__attribute__((constructor(150))) static void first(void)
{
	note("middle, priority 150");
}

__attribute__((destructor)) static void finish(void)
{
	note("middle ends");
}
