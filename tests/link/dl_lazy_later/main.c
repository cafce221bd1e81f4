/* Defined after the library that calls it was opened, before it does. */

#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_LAZY);
	need("liblate.so", RTLD_LAZY | RTLD_GLOBAL);
	for (int i = 0; i < 2; i++)
		printf("%d\n", call(handle, "use", i));
	return 0;
}
