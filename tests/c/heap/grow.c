#include <stdlib.h>
#include <string.h>

static char text[] = "the library's data is intact";
static char zeros[500000];

char *filled(size_t size, char fill)
{
	return memset(malloc(size), fill, size);
}

size_t check(const char *block, size_t size, char fill)
{
	size_t wrong = 0;
	for (size_t i = 0; i < size; i++)
		wrong += block[i] != fill;
	return wrong;
}

const char *library_data(void)
{
	return check(zeros, sizeof zeros, 0) == 0 ? text : "the library's zeros are not";
}
