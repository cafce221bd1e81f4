/* A destructor closes what the constructor opened. */

#include "dl.h"

int main(void)
{
	for (int i = 0; i < 2; i++) {
		void *outer = need("libouter.so", RTLD_NOW);
		printf("%d\n", call(outer, "outer_function", i));
		dlclose(outer);
		printf("%d %d\n", loaded("libouter.so"), loaded("libinner.so"));
	}
	return 0;
}
