#include "take.h"

int many_ints(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}

double many_doubles(double a, double b, double c, double d, double e, double f, double g, double h,
                    double i, double j, double k)
{
	return a - b + c - d + e - f + g - h + i * j / k;
}

double mixed(int a, double b, long long c, float d, int e, double f, long long g, float h, int i,
             double j, long long k, float l, int m, double n, long long o, float p)
{
	return a * b + (double)c * d + e * f + (double)g * h + i * j + (double)k * l + m * n +
	       (double)o * p;
}

mixed_type *get_mixed(void)
{
	return mixed;
}

long long wide(unsigned long long a, unsigned char b, signed char c, unsigned short d, short e)
{
	return (long long)(a >> 32) + b + c + d + e;
}

struct point middle(struct point a, struct point b)
{
	return (struct point){ (a.x + b.x) / 2, (a.y + b.y) / 2 };
}

struct big make_big(int start, struct single s)
{
	struct big big = { .at = { s.value, -s.value } };
	for (int i = 0; i < 9; i++)
		big.values[i] = start + i;
	return big;
}

int sum_big(struct big b)
{
	int sum = (int)(b.at.x * 1000 + b.at.y);
	for (int i = 0; i < 9; i++)
		sum += b.values[i];
	return sum;
}

long long variadic_list(const char *kinds, va_list list)
{
	long long sum = 0;
	for (; *kinds; kinds++) {
		switch (*kinds) {
		case 'i': sum = sum * 3 + va_arg(list, int); break;
		case 'l': sum = sum * 3 + va_arg(list, long long); break;
		case 'd': sum = sum * 3 + (long long)va_arg(list, double); break;
		case 'p': sum = sum * 3 + va_arg(list, struct point).x; break;
		}
	}
	return sum;
}

long long variadic(const char *kinds, ...)
{
	va_list list;
	va_start(list, kinds);
	long long sum = variadic_list(kinds, list);
	va_end(list);
	return sum;
}

_Bool is_even(unsigned value)
{
	return value % 2 == 0;
}

float half(float value)
{
	return value / 2;
}

__int128 product(long long a, long long b)
{
	return (__int128)a * b;
}
