/* A tree of libraries starts from its leaves and ends from its root. */

#include "dl.h"

int main(void)
{
	for (int i = 0; i < 2; i++) {
		void *top = need("libtop.so", RTLD_NOW);
		puts("opened");
		dlclose(top);
		puts("closed");
	}
	return 0;
}
