/* $ORIGIN in a path is the directory of whoever opens it. */

#include "dl.h"

int main(void)
{
	void *plug = need("$ORIGIN/libplug.so", RTLD_NOW);
	printf("%d\n", call(plug, "open_inner", 1));
	void *inner = need("${ORIGIN}/deep/libinner.so", RTLD_NOW);
	printf("%d\n", call(inner, "open_deeper", 1));
	printf("%d\n", dlopen("$ORIGIN/nowhere.so", RTLD_NOW) == NULL);
	printf("%d\n", dlopen("$ORIGINAL/libplug.so", RTLD_NOW) == NULL);
	return 0;
}
