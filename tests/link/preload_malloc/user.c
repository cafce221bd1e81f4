#include <stdlib.h>

char *marked(void)
{
	char *volatile block = malloc(8);
	return block;
}
