/* What clang calls in place of setjmp and longjmp. A function that calls setjmp
   catches exceptions of the tag __c_longjmp; it asks of each whether one of its
   own calls of setjmp is meant, and by which number it knows that call. */

#include <setjmp.h>
#include <stdint.h>

/* In __jb. Clang reads of the argument of an exception what it was thrown for:
   the address of the buffer, and the value that setjmp returns. */
struct buffer {
	void *invocation;
	uint32_t label;
	struct {
		void *buffer;
		int value;
	} thrown;
};

_Static_assert(sizeof(struct buffer) <= sizeof(__jmp_buf), "it is in __jb");

/* The number of the tag, as the builtin wants it. */
enum { C_LONGJMP = 1 };

void __wasm_setjmp(void *p, uint32_t label, void *invocation)
{
	struct buffer *buffer = p;
	buffer->invocation = invocation;
	buffer->label = label;
}

uint32_t __wasm_setjmp_test(void *p, void *invocation)
{
	struct buffer *buffer = p;
	return buffer->invocation == invocation ? buffer->label : 0;
}

void __wasm_longjmp(void *p, int value)
{
	struct buffer *buffer = p;
	buffer->thrown.buffer = p;
	buffer->thrown.value = value ? value : 1;
	__builtin_wasm_throw(C_LONGJMP, &buffer->thrown);
}
