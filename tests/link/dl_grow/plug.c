#include <stdlib.h>
#include <string.h>

static char *blocks[16];
static int mine[4] = { 1, 2, 3, 4 };
int *const of_plug = mine;

int grab(int count)
{
	for (int i = 0; i < count; i++) {
		blocks[i] = malloc(1 << 20);
		memset(blocks[i], i, 1 << 20);
	}
	return blocks[count - 1][12345] + mine[3];
}

int drop(int count)
{
	for (int i = 0; i < count; i++)
		free(blocks[i]);
	return count;
}
