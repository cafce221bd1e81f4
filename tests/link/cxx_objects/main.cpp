// Static objects: made when their library starts, gone when it is closed.

#include "dl.h"
#include "objects.h"

static Tracked own("main's");

int main()
{
	puts("main");
	for (int i = 0; i < 2; i++) {
		void *handle = need("libplug.so", RTLD_NOW);
		printf("%d\n", call(handle, "plug", 0));
		dlclose(handle);
		puts("closed");
	}
	need("libplug.so", RTLD_NOW);
	return 0;
}
