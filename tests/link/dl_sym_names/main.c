/* Names are whole names, and those of hidden symbols nobody's. */

#include "dl.h"

int main(void)
{
	void *handle = need("libgood.so", RTLD_NOW);
	const char *const names[] = { "goo", "good", "goods", "", "Good", "good ", "hidden",
				      "hidden_by_static", "weak", "_", "__" };

	for (int i = 0; i < 11; i++)
		printf("%d ", dlsym(handle, names[i]) != NULL);
	printf("%d\n", call(handle, "good", 1) + call(handle, "weak", 1));
	return 0;
}
