#include "dl.h"

void note(int);

__attribute__((constructor)) static void start(void)
{
	note(1);
	void *q = need("libq.so", RTLD_NOW);
	note(2);
	call(q, "q", 0);
	dlclose(q);
	note(3);
}

int p(int x) { return x; }
