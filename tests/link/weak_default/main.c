/* Defaults that the program replaces, one by one. */

#include <stdio.h>

int client(int);
int setting = 8;

int tune(int x)
{
	return 5 * x;
}

int main(void)
{
	printf("%d\n", client(1));
	return 0;
}
