/* Data are never bound lazily. */

#include "dl.h"

int main(void)
{
	printf("%d\n", dlopen("libbroken.so", RTLD_LAZY) != NULL);
	printf("%d\n", dlopen("libbroken.so", RTLD_NOW) != NULL);
	printf("%d\n", loaded("libbroken.so"));
	need("libfixed.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d\n", call(need("libbroken.so", RTLD_LAZY), "broken", 1));
	return 0;
}
