#include <stdio.h>
#include "log.h"

static int count;

__attribute__((constructor)) static void start(void)
{
	note("base is ready");
}

void note(const char *what)
{
	printf("%d %s\n", ++count, what);
}
