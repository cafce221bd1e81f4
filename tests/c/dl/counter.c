#include <stdlib.h>

static int count = 40;
static int table[2000];
int *place;

__attribute__((constructor)) static void begin(void) { place = malloc(100); }

__attribute__((destructor)) static void end(void) { free(place); }

int count_up(int by)
{
	table[count] = by;
	return count += by;
}
