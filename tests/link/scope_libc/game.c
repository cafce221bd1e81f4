#include <stdlib.h>

int throw_three(void)
{
	int sum = 0;
	for (int i = 0; i < 3; i++)
		sum = 10 * sum + rand();
	return sum;
}
