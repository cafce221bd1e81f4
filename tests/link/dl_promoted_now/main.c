#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_LAZY);
	need("liblate.so", RTLD_LAZY | RTLD_GLOBAL);
	printf("%d\n", dlopen("libplug.so", RTLD_NOW) == handle);
	printf("%d\n", call(handle, "use", 4));
	return 0;
}
