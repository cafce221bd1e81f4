#include <stdio.h>
#include <stdlib.h>
int base(int);
__attribute__((constructor)) static void start(void)
{
	printf("leaving\n");
	exit(base(9));
}
