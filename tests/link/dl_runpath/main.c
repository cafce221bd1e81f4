/* What a plug-in needs is looked for where the plug-in says. */

#include "dl.h"

int main(void)
{
	printf("%d\n", dlopen("libinner.so", RTLD_NOW) != NULL);
	printf("%d\n", call(need("libplug.so", RTLD_NOW), "plug", 5));
	printf("%d\n", dlopen("libinner.so", RTLD_NOW) != NULL);
	return 0;
}
