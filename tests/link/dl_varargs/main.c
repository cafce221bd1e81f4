/* All kinds of signatures through pointers from dlsym. */

#include "dl.h"

struct big { double values[4]; int id; };

int main(void)
{
	void *handle = need("libplug.so", RTLD_NOW);
	double (*sum)(int, ...) = (double (*)(int, ...))symbol(handle, "sum");
	struct big (*scale)(struct big, float) = (struct big (*)(struct big, float))symbol(handle, "scale");
	long long (*many)(int, long long, double, float, unsigned char, short, int, int, int, int) =
		(long long (*)(int, long long, double, float, unsigned char, short, int, int, int, int))
			symbol(handle, "many");
	struct big big = scale((struct big){ { 1, 2, 3, 4 }, 7 }, 1.5f);

	printf("%g\n", sum(5, 1, 0.5, 2, 0.25, 3));
	printf("%g %g %d\n", big.values[0], big.values[3], big.id);
	printf("%lld\n", many(1, 1LL << 40, 2.9, -3.5f, 200, -7, 1, 2, 3, 4));
	return 0;
}
