/* Two plug-ins need one library: it goes with the second. */

#include "dl.h"

int main(void)
{
	for (int round = 0; round < 2; round++) {
		void *p = need("libp.so", RTLD_NOW);
		printf("%d\n", call(p, "use", 1));
		void *q = need("libq.so", RTLD_NOW);
		printf("%d\n", call(q, "use", 10));
		printf("visible %d\n", dlsym(RTLD_DEFAULT, "base") != NULL);
		dlclose(round ? q : p);
		printf("base is loaded %d\n", loaded("libbase.so"));
		printf("%d\n", call(round ? p : q, "use", 100));
		dlclose(round ? p : q);
		printf("base is loaded %d\n", loaded("libbase.so"));
	}
	return 0;
}
