/* What was bound stays bound; what comes later sees what is global by then. */

#include "dl.h"

int has_late(int);

int main(void)
{
	printf("%d\n", has_late(0));
	need("libplug.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d\n", has_late(0));
	printf("%d\n", call(need("libclient.so", RTLD_NOW), "client", 4));
	return 0;
}
