#include <stdio.h>

__attribute__((constructor)) static void start(void)
{
	printf("%s starts\n", NAME);
}

__attribute__((destructor)) static void finish(void)
{
	printf("%s ends\n", NAME);
}
