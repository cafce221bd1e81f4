#include <stdlib.h>
#include <string.h>

char *make(const char *text)
{
	char *copy = malloc(strlen(text) + 1);
	return strcpy(copy, text);
}

int *zeroes(int count)
{
	return calloc((size_t)count, sizeof(int));
}

void drop(void *block)
{
	free(block);
}
