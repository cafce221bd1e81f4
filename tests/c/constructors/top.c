#include "log.h"

__attribute__((constructor)) static void start(void)
{
	note("top is ready");
}

__attribute__((destructor)) static void finish(void)
{
	note("top ends");
}
