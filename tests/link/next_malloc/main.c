/* malloc, counted and passed on. */

#include <stdio.h>

int user(int);

int main(void)
{
	printf("%d %d\n", user(33), user(44));
	return 0;
}
