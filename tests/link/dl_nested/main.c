/* A constructor opens another library. */

#include "dl.h"

int main(void)
{
	void *outer = need("libouter.so", RTLD_NOW);
	printf("%d\n", call(outer, "outer_function", 4));
	call(outer, "outer_close", 0);
	puts("closed inner");
	dlclose(outer);
	puts("closed outer");
	return 0;
}
