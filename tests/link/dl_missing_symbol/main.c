/* Under RTLD_NOW a function that nobody defines keeps a library out; when
   somebody does, it can be loaded. */

#include "dl.h"

int main(void)
{
	for (int i = 0; i < 2; i++) {
		void *handle = dlopen("libbroken.so", RTLD_NOW);
		printf("%d %d\n", handle != NULL, dlerror() != NULL);
		printf("%d %d\n", loaded("libbroken.so"), loaded("libpresent.so"));
	}
	need("libfixed.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d\n", call(need("libbroken.so", RTLD_NOW), "broken", 6));
	return 0;
}
