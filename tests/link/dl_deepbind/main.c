/* Its own definitions, and those of what it needs, before the global ones. */

#include "dl.h"

static void show(int mode)
{
	void *handle = need("libplug.so", mode);
	const char *const names[] = { "plug_help", "plug_help_only", "plug_where", "plug_value" };

	for (int i = 0; i < 4; i++)
		printf("%d ", call(handle, names[i], 0));
	puts("");
	dlclose(handle);
}

int main(void)
{
	show(RTLD_NOW);
	show(RTLD_NOW | RTLD_DEEPBIND);
	show(RTLD_NOW);
	return 0;
}
