#include <stdio.h>
#include <stdlib.h>

int throw_three(void);

int main(void)
{
	printf("%d\n", throw_three());
	srand(3);
	printf("%d\n", throw_three());
	printf("%d\n", rand());
	return 0;
}
