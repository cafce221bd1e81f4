/* A preloaded allocator that marks what it gives. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *marked(void);

int main(void)
{
	char *block = marked();
	printf("%d\n", memcmp(block, "########", 8) == 0);
	free(block);
	return 0;
}
