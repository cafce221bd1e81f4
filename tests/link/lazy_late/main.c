/* Undefined when the program starts, defined when it is first called. */

#include "dl.h"

int user(int);

int main(void)
{
	need("liblate.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d ", user(3));
	printf("%d\n", user(4));
	return 0;
}
