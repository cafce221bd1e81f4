/* A wrapper that is opened, around what it needs. */

#include "dl.h"

int main(void)
{
	printf("%d\n", call(need("libplug.so", RTLD_NOW), "work", 4));
	return 0;
}
