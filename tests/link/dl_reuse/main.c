#include "dl.h"

int main(void)
{
	void *p = need("libp.so", RTLD_NOW), *q = need("libq.so", RTLD_NOW);
	function **of_q = symbol(q, "table"), *own = (function *)symbol(q, "own");

	for (int i = 0; i < 4; i++) {
		dlclose(p);
		void *r = need("libr.so", RTLD_NOW);
		function **of_r = symbol(r, "table");
		printf("%d %d %d ", of_q[0](i), of_q[1](i), of_r[1](i));
		p = need("libp.so", RTLD_NOW);
		printf("%d %d\n", own(i), call(p, "own", i));
		dlclose(r);
	}
	printf("%d\n", *(int *)symbol(p, "value") + *(int *)symbol(q, "value"));
	return 0;
}
