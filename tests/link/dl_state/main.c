#include "dl.h"

int main(void)
{
	void *one = need("libone.so", RTLD_NOW), *two = need("libtwo.so", RTLD_NOW);

	for (int i = 0; i < 3; i++) {
		printf("%d ", call(one, "next", 0));
		printf("%d\n", call(two, "next", 0));
	}
	printf("%d\n", symbol(one, "count") != symbol(two, "count"));
	printf("%d\n", symbol(one, "next") != symbol(two, "next"));
	return 0;
}
