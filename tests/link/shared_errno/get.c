#include <errno.h>

int get_errno(void)
{
	return errno;
}

int *errno_address(void)
{
	return &errno;
}
