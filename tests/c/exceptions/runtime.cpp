/* The least of a C++ runtime that carries exceptions, for wasm alone: the
   sysroot's own is neither position-independent nor made for exceptions.
   Classes are told apart by the addresses of their type informations; a thrown
   object is caught as what it was thrown as. */

#ifdef __wasm__

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Precedes a thrown object. */
struct Header {
	const void *type;
	void (*destroy)(void *);
	Header *outer;
	int handlers;
	int rethrown;
};

/* What a landing pad passes to the personality, and is told by it. */
struct Landing {
	uintptr_t pad;
	const uint8_t *table;
	uintptr_t selector;
};

extern "C" {

struct Landing __wasm_lpad_context;

/* Type informations begin with the address of a table of functions. */
void *class_table[4] __asm__("_ZTVN10__cxxabiv117__class_type_infoE");

static Header *caught;

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

static uintptr_t number(const uint8_t **at)
{
	uintptr_t value = 0;
	for (int shift = 0;; shift += 7) {
		uint8_t byte = *(*at)++;
		value |= (uintptr_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
}

static intptr_t signed_number(const uint8_t **at)
{
	intptr_t value = 0;
	for (int shift = 0;;) {
		uint8_t byte = *(*at)++;
		value |= (intptr_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte < 0x80)
			return byte & 0x40 ? value | -((intptr_t)1 << shift) : value;
	}
}

/* Sets the selector that the landing pad compares: of the first clause that
   takes the exception, or 0. */
int __gxx_wasm_personality_v0(Header *header)
{
	Landing *landing = &__wasm_lpad_context;
	const uint8_t *at = landing->table;
	landing->selector = 0;
	if (at == 0 || *at++ != 0xff)
		return 0;
	uint8_t encoding = *at++;
	const uint8_t *types = 0;
	if (encoding != 0xff) {
		uintptr_t offset = number(&at);
		types = at + offset;
	}
	at++;
	uintptr_t sites = number(&at);
	const uint8_t *actions = at + sites;
	uintptr_t action = 0;
	while (at < actions) {
		uintptr_t pad = number(&at);
		action = number(&at);
		if (pad == landing->pad)
			break;
		action = 0;
	}
	if (action == 0)
		return 0;
	at = actions + action - 1;
	for (;;) {
		intptr_t filter = signed_number(&at);
		const uint8_t *next = at;
		intptr_t distance = signed_number(&next);
		if (filter > 0) {
			const uint8_t *entry = types - 4 * filter;
			uintptr_t type = *(const uintptr_t *)entry;
			if ((encoding & 0x70) == 0x10 && type != 0)
				type += (uintptr_t)entry;
			if (type == 0 || type == (uintptr_t)header->type) {
				landing->selector = filter;
				return 0;
			}
		}
		if (distance == 0)
			return 0;
		at += distance;
	}
}

int _Unwind_CallPersonality(void *exception)
{
	return __gxx_wasm_personality_v0((Header *)exception);
}

}

#endif
