/* Cancellation is deferred: see pthread_cancel.c. */

#include "pthread_impl.h"

int pthread_setcanceltype(int type, int *old)
{
	if (type != PTHREAD_CANCEL_DEFERRED)
		return type == PTHREAD_CANCEL_ASYNCHRONOUS ? ENOSYS : EINVAL;
	if (old)
		*old = PTHREAD_CANCEL_DEFERRED;
	return 0;
}
