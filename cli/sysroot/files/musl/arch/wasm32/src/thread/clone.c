/* A thread is made by the host, which calls a function with an argument on the
   new stack. What the thread pointer is does not concern the host. */

#include <errno.h>
#include <stdarg.h>
#include "pthread_impl.h"

#ifdef __wasm_atomics__

__attribute__((__import_module__("env"), __import_name__("__clone_thread")))
int __wasm_clone(int (*)(void *), void *, int, void *, int *, void *, volatile int *);

struct beginning {
	int (*function)(void *);
	void *argument, *area;
};

static int begin(void *p)
{
	struct beginning *beginning = p;
	__wasm_set_tp((uintptr_t)beginning->area);
	int code = beginning->function(beginning->argument);
	for (;;) __syscall(SYS_exit, code);
}

int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
	va_list list;
	va_start(list, argument);
	int *parent_tid = va_arg(list, int *);
	void *area = va_arg(list, void *);
	volatile int *child_tid = va_arg(list, volatile int *);
	va_end(list);
	/* The caller's records lie above the stack; this one lies on it. */
	uintptr_t top = (uintptr_t)stack - sizeof(struct beginning) & -16;
	*(struct beginning *)top = (struct beginning){function, argument, area};
	return __wasm_clone(begin, (void *)top, flags, (void *)top, parent_tid, area, child_tid);
}

#else

int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
	return -ENOSYS;
}

#endif
