/* At its end a library still has all that it needs. */

#include "dl.h"

int of_main(int x) { return 100 * x; }

int main(void)
{
	for (int i = 0; i < 2; i++) {
		void *handle = need("libplug.so", RTLD_NOW);
		printf("%d\n", call(handle, "plug", i));
		dlclose(handle);
	}
	return 0;
}
