/* longjmp over a plug-in's frames, and within it. */

#include <setjmp.h>
#include "dl.h"

static jmp_buf outer;

static int back(int x)
{
	if (x > 1)
		longjmp(outer, x);
	return x;
}

int main(void)
{
	for (volatile int i = 1; i < 4; i++) {
		void *volatile handle = need("libplug.so", RTLD_NOW);
		int (*through)(function *, int) = (int (*)(function *, int))symbol(handle, "through");
		int got = setjmp(outer);

		if (got == 0)
			got = through(back, i) + 1000;
		printf("%d %d\n", got, call(handle, "own", 7));
		dlclose(handle);
	}
	return 0;
}
