/* The symbol that an address lies in, and libc's. */

#define _GNU_SOURCE
#include <string.h>
#include "dl.h"

extern int numbers[4], more[4];

int main(void)
{
	Dl_info info;

	for (int i = 0; i < 4; i++) {
		dladdr(&numbers[i], &info);
		printf("%s+%d ", info.dli_sname, (int)((char *)&numbers[i] - (char *)info.dli_saddr));
		dladdr(&more[i], &info);
		printf("%s+%d\n", info.dli_sname, (int)((char *)&more[i] - (char *)info.dli_saddr));
	}
	printf("%d ", dladdr((void *)strtol, &info));
	printf("%s %d\n", info.dli_sname, strncmp(strrchr(info.dli_fname, '/'), "/libc.so", 8));
	printf("%d\n", dlsym(RTLD_DEFAULT, "strtol") == info.dli_saddr);
	return 0;
}
