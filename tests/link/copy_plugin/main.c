/* A plug-in's is main's copy too, and so is what dlsym finds. */

#include "dl.h"

extern int number;
int store_number(void);

int main(void)
{
	number = 6;
	void *handle = need("libplug.so", RTLD_NOW);
	printf("%d\n", call(handle, "plug", 10));
	printf("%d %d\n", number, store_number());
	printf("%d\n", symbol(RTLD_DEFAULT, "number") == &number);
	return 0;
}
