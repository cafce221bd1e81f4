#include <errno.h>
#include <stdlib.h>

void set_errno(int value)
{
	errno = value;
}

long overflow(void)
{
	return strtol("99999999999999999999", NULL, 10) > 0;
}
