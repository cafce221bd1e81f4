/* What libc++ takes for granted where the libc is one of musl's kind, and
   wasi-libc has not. libc++ copies files in another way where this fails. */

#include <errno.h>
#include <sys/types.h>

static inline ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at,
				      size_t size, unsigned flags)
{
	(void)from, (void)from_at, (void)to, (void)to_at, (void)size, (void)flags;
	errno = ENOSYS;
	return -1;
}
