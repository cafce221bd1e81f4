/* A plug-in needs a library that main has: one state, and it stays. */

#include "dl.h"

int base(int);

int main(void)
{
	base(1);
	for (int i = 0; i < 2; i++) {
		void *handle = need("libplug.so", RTLD_NOW);
		printf("%d\n", call(handle, "plug", 10));
		dlclose(handle);
	}
	printf("%d\n", base(1000));
	return 0;
}
