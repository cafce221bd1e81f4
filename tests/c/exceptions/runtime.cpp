/* The least of a C++ runtime that carries exceptions, for wasm alone: the
   sysroot's own is neither position-independent nor made for exceptions.
   Classes are told apart by the addresses of their type informations; a thrown
   object is caught as what it was thrown as. */

#ifdef __wasm__

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "header.h"

extern "C" {

/* Type informations begin with the address of a table of functions. */
void *class_table[4] __asm__("_ZTVN10__cxxabiv117__class_type_infoE");

static __thread Header *caught;

void *__cxa_allocate_exception(size_t size)
{
	Header *header = (Header *)calloc(1, sizeof(Header) + size);
	return header + 1;
}

void __cxa_throw(void *object, void *type, void *(*destroy)(void *))
{
	Header *header = (Header *)object - 1;
	header->type = type;
	header->destroy = (void (*)(void *))destroy;
	__builtin_wasm_throw(0, header);
}

void *__cxa_begin_catch(void *exception)
{
	Header *header = (Header *)exception;
	header->rethrown = 0;
	if (header->handlers++ == 0) {
		header->outer = caught;
		caught = header;
	}
	return header + 1;
}

void __cxa_end_catch(void)
{
	Header *header = caught;
	if (--header->handlers > 0)
		return;
	caught = header->outer;
	if (header->rethrown)
		return;
	if (header->destroy)
		header->destroy(header + 1);
	free(header);
}

void __cxa_rethrow(void)
{
	caught->rethrown = 1;
	__builtin_wasm_throw(0, caught);
}

void *__cxa_get_exception_ptr(void *exception)
{
	return (Header *)exception + 1;
}

void terminate(void) __asm__("_ZSt9terminatev");
void terminate(void)
{
	fprintf(stderr, "terminate\n");
	abort();
}

}

#endif
