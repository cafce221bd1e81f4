/* Cancellation. A thread looks whether it is cancelled before it makes a system
   call that is a cancellation point. The host makes such a call by a function
   of its own, which a thread that was sent SIGCANCEL does not wait in: it comes
   back with EINTR, also if the signal came between that look and the call. No
   handler runs, so no other code is ever left: there is no asynchronous
   cancellation. */

#include "pthread_impl.h"

__attribute__((__import_module__("env"), __import_name__("__syscall_cp")))
long __wasm_syscall_cp(long, long, long, long, long, long, long);

hidden long __cancel(void);
hidden long __syscall_cp_c(syscall_arg_t, syscall_arg_t, syscall_arg_t, syscall_arg_t,
	syscall_arg_t, syscall_arg_t, syscall_arg_t);

long __cancel(void)
{
	pthread_t self = __pthread_self();
	if (self->canceldisable == PTHREAD_CANCEL_ENABLE)
		pthread_exit(PTHREAD_CANCELED);
	self->canceldisable = PTHREAD_CANCEL_DISABLE;
	return -ECANCELED;
}

long __syscall_cp_c(syscall_arg_t number, syscall_arg_t a, syscall_arg_t b, syscall_arg_t c,
	syscall_arg_t d, syscall_arg_t e, syscall_arg_t f)
{
	pthread_t self = __pthread_self();
	int state = self->canceldisable;
	/* What close has begun cannot be taken back; so it is no such point while
	   cancellation is to be told rather than done. */
	if (state == PTHREAD_CANCEL_DISABLE || state && number == SYS_close)
		return __syscall(number, a, b, c, d, e, f);
	if (self->cancel)
		return __cancel();
	long result = __wasm_syscall_cp(number, a, b, c, d, e, f);
	if (result == -EINTR && number != SYS_close && self->cancel)
		return __cancel();
	return result;
}

void __testcancel(void)
{
	pthread_t self = __pthread_self();
	if (self->cancel && !self->canceldisable)
		__cancel();
}

int pthread_cancel(pthread_t thread)
{
	a_store(&thread->cancel, 1);
	return thread == __pthread_self() ? 0 : pthread_kill(thread, SIGCANCEL);
}
