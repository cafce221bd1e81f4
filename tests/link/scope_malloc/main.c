/* Main's own allocator is the libraries' too. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *make(const char *);
int *zeroes(int);
void drop(void *);

static union { char bytes[1 << 16]; long double align; } arena;
static size_t used, freed;

static int inside(const void *p)
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
	void *block = malloc(size);
	if (old && block)
		memcpy(block, old, size);
	return block;
}

void free(void *block)
{
	freed += inside(block);
}

int main(void)
{
	char *text = make("in main's arena");
	int *numbers = zeroes(10);
	int here = inside(text), there = inside(numbers), five = numbers[5];
	size_t before = freed;

	drop(text);
	drop(numbers);
	printf("%s %d %d %d %d\n", text, here, there, five, (int)(freed - before));
	return 0;
}
