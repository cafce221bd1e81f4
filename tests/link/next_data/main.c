/* RTLD_NEXT is for data, too. */

#define _GNU_SOURCE
#include "dl.h"

int value = 100;

int main(void)
{
	int *next = symbol(RTLD_NEXT, "value"), *first = symbol(RTLD_DEFAULT, "value");

	printf("%d %d\n", *next, *first);
	printf("%d\n", *(int *)symbol(need("libtwo.so", RTLD_NOW), "value"));
	return 0;
}
