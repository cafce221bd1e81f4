/* A library is a file: under many names it is one, and its copy is another. */

#include <unistd.h>

#include "dl.h"

int next(int);

int main(void)
{
	symlink("libplug.so", "libplug.so.1");
	symlink("libplug.so.1", "libplug.so.1.2");
	link("libplug.so", "deep/hard.so");
	printf("%d\n", next(0));
	const char *names[] = {
		"./libplug.so.1", "./libplug.so.1.2", "deep/hard.so", "././deep/../libplug.so",
		"./deep/libplug.so", "deep/../deep/libplug.so",
	};
	for (int i = 0; i < 6; i++) {
		void *handle = need(names[i], RTLD_NOW);
		printf("%d %d\n", call(handle, "next", 100), handle == dlopen("libplug.so", RTLD_NOW));
	}
	return 0;
}
