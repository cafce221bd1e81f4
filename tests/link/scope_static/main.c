#include <stdio.h>

int up(void), down(void);
static int count = 50;

int main(void)
{
	for (int i = 0; i < 4; i++)
		printf("%d ", up());
	up();
	for (int i = 0; i < 3; i++)
		printf("%d ", down());
	printf("%d\n", count);
	return 0;
}
