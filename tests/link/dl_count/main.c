/* Closed as often as opened, and not before. */

#include "dl.h"

int main(void)
{
	void *handles[4];

	for (int i = 0; i < 4; i++) {
		handles[i] = need("libplug.so", i % 2 ? RTLD_LAZY : RTLD_NOW);
		printf("%d\n", handles[i] == handles[0]);
	}
	for (int i = 0; i < 4; i++) {
		printf("%d ", call(handles[0], "twice", i));
		printf("%d ", dlclose(handles[3 - i]));
		printf("%d\n", loaded("libplug.so"));
	}
	return 0;
}
