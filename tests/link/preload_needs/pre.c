#include <stdio.h>

const char *help(void), *help_only(void);

const char *level(void)
{
	return help_only();
}

__attribute__((constructor)) static void start(void) { printf("pre starts: %s\n", help()); }
