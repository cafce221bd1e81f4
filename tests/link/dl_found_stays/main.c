/* What main found in a global library by RTLD_DEFAULT, it may go on using. */

#include "dl.h"

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW | RTLD_GLOBAL);
	function *plug = (function *)symbol(RTLD_DEFAULT, "plug");

	dlclose(handle);
	printf("%d %d\n", loaded("libplug.so"), plug(1));
	return 0;
}
