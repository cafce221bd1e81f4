/* What main hides, no plug-in can have. */

#include "dl.h"

__attribute__((visibility("hidden"), noinline)) int secret(int x) { return x + 1; }
static int (*volatile own)(int) = secret;

int main(void)
{
	printf("%d %d\n", own(1), dlopen("libplug.so", RTLD_NOW) != NULL);
	printf("%d\n", dlsym(RTLD_DEFAULT, "secret") != NULL);
	return 0;
}
