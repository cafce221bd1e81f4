/* Two that need each other are loaded together and go together. */

#include "dl.h"

int main(void)
{
	for (int i = 0; i < 2; i++) {
		void *tick = need("libtick.so", RTLD_NOW);
		printf("%d\n", call(tick, "tick", 5));
		void *tock = need("libtock.so", RTLD_NOW);
		dlclose(tick);
		printf("%d %d\n", loaded("libtick.so"), loaded("libtock.so"));
		printf("%d\n", call(tock, "tock", 5));
		dlclose(tock);
		printf("%d %d\n", loaded("libtick.so"), loaded("libtock.so"));
	}
	return 0;
}
