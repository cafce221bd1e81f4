/* One heap for all modules: what a library allocates main frees, growing the
   memory on the way, and no allocation lies on another or on a module's data. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *filled(size_t size, char fill);
const char *library_data(void);
size_t check(const char *block, size_t size, char fill);

static char large[300000];
enum { BLOCKS = 64, SIZE = 1 << 20 };

int main(void)
{
	static char *blocks[BLOCKS];
	memset(large, 'm', sizeof large);
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = i % 2 ? filled(SIZE, 'A' + i % 26) : memset(malloc(SIZE), 'A' + i % 26, SIZE);
	size_t wrong = check(large, sizeof large, 'm');
	for (int i = 0; i < BLOCKS; i++)
		wrong += check(blocks[i], SIZE, 'A' + i % 26);
	printf("%zu wrong, %s\n", wrong, library_data());
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);

	char *zeroed = calloc(BLOCKS, SIZE);
	printf("%zu of %d\n", check(zeroed, (size_t)BLOCKS * SIZE, 0), BLOCKS * SIZE);
	char *moved = realloc(zeroed, 100);
	printf("%d\n", moved != NULL);
	free(moved);
	return 0;
}
