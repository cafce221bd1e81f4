#include "dl.h"

int client(int), service(int);

int main(void)
{
	printf("%d %d\n", client(1), service(1));
	void *handle = need("libplug.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d %d\n", client(1), service(1));
	printf("%d %d\n", call(handle, "plug", 1), call(handle, "plug_level", 1));
	printf("%d\n", call(handle, "service", 1));
	return 0;
}
