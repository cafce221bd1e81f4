/* What is open when the program ends, ends too. */

#include "dl.h"

__attribute__((destructor)) static void finish(void) { puts("main ends"); }

int main(void)
{
	need("libp.so", RTLD_NOW);
	need("libp.so", RTLD_NOW);
	return 4;
}
