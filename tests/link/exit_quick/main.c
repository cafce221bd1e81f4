/* Handlers of quick_exit leave with their library; those of others stay in
   their order. */

#include "dl.h"

static void own(void) { puts("own"); fflush(stdout); }
static void last(void) { puts("last"); fflush(stdout); }

int main(void)
{
	void *plug = need("libplug.so", RTLD_NOW);
	call(plug, "enter", 1);
	at_quick_exit(own);
	void *other = need("libother.so", RTLD_NOW);
	call(other, "enter", 1);
	printf("%d\n", dlclose(plug));
	at_quick_exit(last);
	for (int i = 0; i < 100; i++) {
		void *again = need("libplug.so", RTLD_NOW);
		call(again, "enter", 1);
		dlclose(again);
	}
	fflush(stdout);
	quick_exit(3);
}
