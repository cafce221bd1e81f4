/* Undefined, and never called. */

#include <stdio.h>

int user(int);

int main(void)
{
	printf("%d\n", user(3));
	return 0;
}
