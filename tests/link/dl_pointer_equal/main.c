/* One address for a function: taken in three modules and looked up. */

#include "dl.h"

int linked(int);
function *linked_pointer(void);
int of_main(int x) { return x; }

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	function *const *plug = symbol(handle, "plug_pointers");

	printf("%d ", plug[0] == linked_pointer());
	printf("%d ", plug[0] == symbol(RTLD_DEFAULT, "linked"));
	printf("%d ", plug[1] == symbol(RTLD_DEFAULT, "of_main"));
	printf("%d ", plug[1] == of_main);
	printf("%d ", plug[2] == symbol(handle, "of_plug"));
	printf("%d\n", plug[3] == symbol(RTLD_DEFAULT, "abs"));
	for (int i = 0; i < 4; i++)
		printf("%d ", plug[i](-5));
	puts("");
	return 0;
}
