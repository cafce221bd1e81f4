/* What main needs can be opened, and closing it closes nothing. */

#include "dl.h"

int next(int);

int main(void)
{
	next(1);
	for (int i = 0; i < 3; i++) {
		void *handle = need("liblinked.so", RTLD_NOW);
		printf("%d ", call(handle, "next", 10));
		printf("%d ", symbol(handle, "next") == (void *)next);
		printf("%d\n", dlclose(handle));
	}
	printf("%d\n", next(100));
	return 0;
}
