/* The area of the main thread. musl's own loader sets it up before anything of
   the program runs, and leaves nothing to do for __init_tls. Here the loader is
   the host; so the first constructor of the library that all others need does
   it. Thread-local variables are the loader's, too: an area holds nothing but
   the description of its thread. */

#include "pthread_impl.h"

__asm__(
	".globaltype __wasm_thread_area, i32\n"
	".globl __wasm_thread_area\n"
	".hidden __wasm_thread_area\n"
	"__wasm_thread_area:");

int __set_thread_area(void *area)
{
	__wasm_set_tp((uintptr_t)area);
#ifdef __wasm_atomics__
	return 0;
#else
	/* A positive answer says that threads cannot be made. */
	return 1;
#endif
}

static struct {
	void *vector[2];
	struct pthread thread;
} first;

__attribute__((__constructor__(1))) static void start(void)
{
	libc.tls_align = _Alignof(struct pthread);
	libc.tls_size = sizeof first;
	if (__init_tp(__copy_tls((void *)&first)) < 0)
		a_crash();
}

void __init_tls(size_t *auxiliary)
{
}
