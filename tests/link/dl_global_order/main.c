/* Of two global plug-ins the first opened counts, until it is gone. */

#include "dl.h"

static void show(void)
{
	void *client = need("libclient.so", RTLD_NOW);
	printf("%d\n", call(client, "client", 1));
	dlclose(client);
}

int main(void)
{
	void *one = need("libone.so", RTLD_NOW | RTLD_GLOBAL);
	void *two = need("libtwo.so", RTLD_NOW | RTLD_GLOBAL);

	show();
	dlclose(one);
	show();
	one = need("libone.so", RTLD_NOW | RTLD_GLOBAL);
	show();
	dlclose(two);
	show();
	dlclose(one);
	printf("%d\n", loaded("libone.so") + loaded("libtwo.so"));
	return 0;
}
