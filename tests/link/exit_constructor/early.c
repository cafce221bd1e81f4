#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void start(void)
{
	printf("early leaves");
	exit(5);
}
