/* dlsym on a handle: the library and what it needs, breadth first; nothing else. */

#include "dl.h"

int only_main(int x) { return x; }

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	const char *const names[] = { "of_plug", "of_x", "of_z", "name", "second" };

	for (int i = 0; i < 5; i++)
		printf("%d ", call(handle, names[i], 1));
	printf("%d %d ", dlsym(handle, "only_main") != NULL, dlsym(handle, "only_linked") != NULL);
	printf("%d\n", dlsym(handle, "strlen") != NULL);
	void *linked = need("liblinked.so", RTLD_NOW);
	printf("%d %d\n", call(linked, "name", 1), dlsym(linked, "second") != NULL);
	return 0;
}
