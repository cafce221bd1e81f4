/* A chain of ten, held in the middle by a second handle. */

#include "dl.h"

int main(void)
{
	void *middle = need("liblink5.so", RTLD_NOW);
	puts("");
	void *top = need("liblink0.so", RTLD_NOW);
	puts("");
	dlclose(top);
	puts("");
	dlclose(middle);
	puts("");
	return 0;
}
