#include "dl.h"

int main(void)
{
	printf("%d\n", dlopen("libplug.so", RTLD_LAZY) != NULL);
	printf("%d\n", dlopen("libplug.so", RTLD_NOW) != NULL);
	return 0;
}
