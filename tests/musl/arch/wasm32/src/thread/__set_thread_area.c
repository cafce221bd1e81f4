/* The one thread's area. Constructors of other libraries may call functions
   before libc is set up: until then there is an area of zeros. */

#include "pthread_impl.h"

static struct pthread before;
uintptr_t __wasm_thread_area = (uintptr_t)&before;

int __set_thread_area(void *area)
{
	__wasm_thread_area = (uintptr_t)area;
	/* Threads cannot be made: a positive answer says so. */
	return 1;
}
