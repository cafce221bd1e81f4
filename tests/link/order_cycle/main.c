/* Two libraries that need each other: one of them has to start first. */

#include <stdio.h>

int tick(int);

int main(void)
{
	printf("main %d\n", tick(5));
	return 0;
}
