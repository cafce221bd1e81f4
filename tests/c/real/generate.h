/* Text that compresses, but not trivially; the same everywhere. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t random_state = 1;

static uint32_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static void generate(char *text, size_t size)
{
	static const char *const words[] = {
		"module ", "object ", "symbol ", "scope ",  "memory ", "table\n", "relocation ", "needed ",
		"linker ", "loader ", "offset ", "0123 ",   "slot, ",  "page; ",  "call(",       ") ",
	};
	size_t at = 0;
	while (at < size) {
		uint32_t number = random_number();
		if (number % 61 == 0 && at > 5000) {
			/* A long repetition of what was. */
			size_t length = number % 3000, from = at - 1 - number % 4999;
			for (size_t i = 0; i < length && at < size; i++)
				text[at++] = text[from + i];
		} else if (number % 7 == 0) {
			text[at++] = (char)(number >> 24);
		} else {
			for (const char *word = words[number >> 28]; *word && at < size; word++)
				text[at++] = *word;
		}
	}
}
