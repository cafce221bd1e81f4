/* What a plug-in wrote stays in the buffer when the plug-in is gone. */

#include <errno.h>
#include "dl.h"

int main(void)
{
	for (int i = 0; i < 3; i++) {
		printf("main ");
		void *handle = need("libplug.so", RTLD_NOW);
		errno = 0;
		int length = call(handle, "say", i);
		printf("%d %d\n", length, errno == ERANGE);
		dlclose(handle);
	}
	return 0;
}
