#include <stdio.h>
int late(int a, double b, const char *c, long long d)
{
	printf("%d %g %s %lld\n", a, b, c, d);
	return a + 1;
}
