#include <stdio.h>

double doubles(double a, double b, double c, double d, double e, double f, double g, double h,
	       double i, double j, double k)
{
	printf("%g %g %g %g %g %g %g %g %g %g %g\n", a, b, c, d, e, f, g, h, i, j, k);
	return a + b * 2 + c * 4 + d * 8 + e + f + g + h + i * 3 + j * 5 + k * 7;
}

float mixed(int a, float b, long long c, double d, short e, float f, int g, double h, unsigned i,
	    float j, int k, double l, int m, float n, double o, float p, double q)
{
	printf("%d %g %lld %g %d %g %d %g %u %g %d %g %d %g %g %g %g\n", a, b, c, d, e, f, g, h, i,
	       j, k, l, m, n, o, p, q);
	return (float)(a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q);
}
