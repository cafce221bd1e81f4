#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int large_check(void), large_aligned(void), after_sum(void);
void large_fill(int);

int main(void)
{
	printf("%d %d %d\n", large_check(), large_aligned(), after_sum());
	char *block = malloc(1 << 20);
	large_fill(-1);
	memset(block, 7, 1 << 20);
	printf("%d %d %d\n", large_check(), block[12345], after_sum());
	return 0;
}
