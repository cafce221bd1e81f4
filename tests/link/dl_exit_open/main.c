/* What is open when the program ends, ends too. */

#include "dl.h"

int main(void)
{
	need("libp.so", RTLD_NOW);
	need("libp.so", RTLD_NOW);
	dlclose(need("libq.so", RTLD_NOW));
	puts("main ends");
	return 4;
}
