/* A library of main's has plug-ins; main knows nothing of <dlfcn.h>. */

#include <stdio.h>

int host_start(const char *), host_stop(void);

int main(void)
{
	printf("%d\n", host_start("libplug.so"));
	printf("%d\n", host_stop());
	printf("%d\n", host_start("libplug.so"));
	return 0;
}
