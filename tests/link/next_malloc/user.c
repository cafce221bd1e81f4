#include <stdlib.h>

extern volatile int counted, last_size;

int user(int size)
{
	counted = 0;
	char *volatile block = malloc((size_t)size);
	block[0] = 1;
	int after = counted + 1000 * last_size;
	free(block);
	return after + counted;
}
