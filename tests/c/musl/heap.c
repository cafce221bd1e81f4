/* Allocates, resizes and frees many blocks of all sizes, each filled with a
   pattern of its own that has to be there until the end. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 1000, ROUNDS = 40000 };

static struct block {
	unsigned char *bytes;
	size_t size;
	unsigned char mark;
} blocks[BLOCKS];

static uint32_t state = 1;

static uint32_t next(void)
{
	state = state * 1664525 + 1013904223;
	return state >> 8;
}

/* Mostly small, some larger than what is taken from the system at once. */
static size_t some_size(void)
{
	switch (next() % 100) {
	case 0:
		return next() % 600000;
	case 1 ... 10:
		return next() % 20000;
	default:
		return next() % 300;
	}
}

static void fill(struct block *block, size_t from)
{
	for (size_t i = from; i < block->size; i++)
		block->bytes[i] = block->mark + i % 31;
}

static void check(const struct block *block, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (block->bytes[i] != (unsigned char)(block->mark + i % 31)) {
			printf("a block of %zu has changed at %zu\n", block->size, i);
			exit(1);
		}
}

static void new_block(struct block *block)
{
	block->size = some_size();
	block->mark = next();
	if (next() % 2) {
		block->bytes = malloc(block->size);
	} else {
		block->bytes = calloc(1, block->size);
		for (size_t i = 0; i < block->size; i++)
			if (block->bytes[i])
				exit(2);
	}
	if (!block->bytes && block->size)
		exit(3);
	fill(block, 0);
}

static void resize(struct block *block)
{
	size_t old = block->size, size = some_size() + 1;
	block->bytes = realloc(block->bytes, size);
	if (!block->bytes)
		exit(4);
	block->size = size;
	check(block, old < size ? old : size);
	fill(block, old);
}

int main(void)
{
	size_t total = 0;
	for (int i = 0; i < ROUNDS; i++) {
		struct block *block = &blocks[next() % BLOCKS];
		if (!block->bytes) {
			new_block(block);
		} else if (next() % 3) {
			check(block, block->size);
			free(block->bytes);
			block->bytes = NULL;
		} else {
			resize(block);
		}
		total += block->size;
	}
	int left = 0;
	for (int i = 0; i < BLOCKS; i++)
		if (blocks[i].bytes) {
			check(&blocks[i], blocks[i].size);
			free(blocks[i].bytes);
			left++;
		}
	void *aligned = aligned_alloc(4096, 8192);
	printf("%zu bytes, %d blocks to the end, aligned by %zu\n", total, left,
		(size_t)((uintptr_t)aligned % 4096));
	/* More than there can be is refused, not promised. */
	void *volatile too_much = malloc(SIZE_MAX / 2 + 1);
	printf("%s\n", too_much ? "given" : "refused");
	return 0;
}
