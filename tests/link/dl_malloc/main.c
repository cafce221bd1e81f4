/* The program's own allocator, under the loader as well. */

#include <string.h>
#include "dl.h"

static union { char bytes[1 << 20]; long double align; } arena;
static size_t used;

int inside(const void *p)
{
	const char *c = p;
	return c >= arena.bytes && c < arena.bytes + sizeof arena.bytes;
}

void *malloc(size_t size)
{
	size_t at = used;
	if (size > sizeof arena.bytes - used)
		return NULL;
	used = (used + size + 15) & ~(size_t)15;
	return arena.bytes + at;
}

void *calloc(size_t count, size_t size)
{
	char *block = malloc(count * size);
	for (size_t i = 0; block && i < count * size; i++)
		((volatile char *)block)[i] = 0;
	return block;
}

void *realloc(void *old, size_t size)
{
	char *block = malloc(size);
	for (size_t i = 0; old && block && i < size; i++)
		((volatile char *)block)[i] = ((char *)old)[i];
	return block;
}

void free(void *block)
{
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		void *handle = need("libplug.so", RTLD_NOW);
		printf("%d ", call(handle, "keep", i));
		printf("%d\n", call(handle, "kept_in_arena", 0));
		dlclose(handle);
	}
	return 0;
}
