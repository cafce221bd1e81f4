/* What one plug-in defines, another does not see, unless it is global. */

#include "dl.h"

int main(void)
{
	void *first = need("libfirst.so", RTLD_NOW | RTLD_LOCAL);
	void *second = need("libsecond.so", RTLD_NOW);

	printf("%d %d\n", call(first, "from_first", 1), call(second, "probe", 1));
	printf("%d\n", dlsym(RTLD_DEFAULT, "from_first") != NULL);
	dlclose(second);
	dlclose(first);

	first = need("libfirst.so", RTLD_NOW | RTLD_GLOBAL);
	second = need("libsecond.so", RTLD_NOW);
	printf("%d\n", call(second, "probe", 1));
	printf("%d\n", dlsym(RTLD_DEFAULT, "from_first") == dlsym(first, "from_first"));
	return 0;
}
