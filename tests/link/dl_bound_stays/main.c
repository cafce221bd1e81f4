/* Nothing says that the client needs the base; it was bound to it all the
   same, and holds it. */

#include "dl.h"

int main(void)
{
	void *base = need("libbase.so", RTLD_NOW | RTLD_GLOBAL);
	void *client = need("libclient.so", RTLD_NOW);

	printf("%d\n", call(client, "client", 1));
	dlclose(base);
	printf("%d\n", loaded("libbase.so"));
	printf("%d\n", call(client, "client", 1));
	dlclose(client);
	printf("%d %d\n", loaded("libbase.so"), loaded("libclient.so"));
	return 0;
}
