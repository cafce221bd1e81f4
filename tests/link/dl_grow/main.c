/* The heap grows while plug-ins are open, and they are where they were. */

#include "dl.h"

int main(void)
{
	for (int round = 0; round < 3; round++) {
		void *handle = need("libplug.so", RTLD_NOW);
		int *mine = *(int **)symbol(handle, "of_plug");

		mine[3] = 40 + round;
		printf("%d ", call(handle, "grab", 16));
		printf("%d ", call(handle, "drop", 16));
		printf("%d\n", mine[3]);
		dlclose(handle);
	}
	return 0;
}
