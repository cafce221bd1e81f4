/* One errno for all. */

#include <errno.h>
#include <stdio.h>

void set_errno(int);
int get_errno(void), *errno_address(void);
long overflow(void);

int main(void)
{
	set_errno(0);
	printf("%d %d\n", errno, get_errno());
	long big = overflow();
	printf("%ld %d %d\n", big, errno == ERANGE, get_errno() == ERANGE);
	errno = EINVAL;
	printf("%d %d\n", get_errno() == EINVAL, errno_address() == &errno);
	return 0;
}
