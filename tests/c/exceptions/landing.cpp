/* What chooses a handler. A variable that is a thread's own cannot be another
   module's: for threads, each module has a copy of this file, hidden in it. */

#ifdef __wasm__

#include <stdint.h>
#include "header.h"

/* What a landing pad passes to the personality, and is told by it. */
struct Landing {
	uintptr_t pad;
	const uint8_t *table;
	uintptr_t selector;
};

extern "C" {

__thread Landing __wasm_lpad_context;

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
