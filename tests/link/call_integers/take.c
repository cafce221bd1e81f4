#include <stdio.h>

int take(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l)
{
	printf("%d %d %d %d %d %d %d %d %d %d %d %d\n", a, b, c, d, e, f, g, h, i, j, k, l);
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l;
}

long long wide(long long a, int b, long long c, int d, long long e, unsigned f, long long g, short h,
	       long long i, signed char j)
{
	return a - b + c * d - e + f + g * h + i * j;
}

int narrow(unsigned char a, signed char b, unsigned short c, short d, _Bool e)
{
	return a + 1000 * b + c - 10 * d + 7 * e;
}
