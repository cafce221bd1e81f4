#include <stdarg.h>
#include <stdio.h>

struct big { double values[4]; int id; };

double sum(int count, ...)
{
	va_list list;
	double total = 0;
	va_start(list, count);
	for (int i = 0; i < count; i++)
		total += i % 2 ? va_arg(list, double) : va_arg(list, int);
	va_end(list);
	return total;
}

struct big scale(struct big big, float by)
{
	for (int i = 0; i < 4; i++)
		big.values[i] *= by;
	big.id++;
	return big;
}

long long many(int a, long long b, double c, float d, unsigned char e, short f, int g, int h, int i, int j)
{
	return a + b + (long long)c + (long long)d + e + f + g + h + i + j;
}
