/* What Lua takes from C and WASI has not: each fails, as Lua's functions then say. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

FILE *tmpfile(void)
{
	errno = ENOSYS;
	return NULL;
}

char *tmpnam(char *name)
{
	(void)name;
	return NULL;
}

int system(const char *command)
{
	errno = ENOSYS;
	return command ? -1 : 0;
}
