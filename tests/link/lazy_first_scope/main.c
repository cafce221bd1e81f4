#include "dl.h"

int user(int);

int main(void)
{
	void *plug = need("libplug.so", RTLD_NOW | RTLD_GLOBAL);
	printf("%d %d\n", user(1), call(plug, "work", 1));
	dlclose(plug);
	printf("%d\n", user(2));
	return 0;
}
