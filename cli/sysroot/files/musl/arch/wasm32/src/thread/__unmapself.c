/* The last steps of a detached thread. Return addresses are not in the memory
   that goes away here, and locals without an address are not either: nothing in
   this function lies on the stack that __stack_pointer leads to. */

#include "pthread_impl.h"

void __unmapself(void *base, size_t size)
{
	__syscall(SYS_munmap, base, size);
	for (;;) __syscall(SYS_exit, 0);
}
