/* exit while a library is being opened. */

#include "dl.h"

int main(void)
{
	need("libplug.so", RTLD_NOW);
	puts("not reached");
	return 0;
}
