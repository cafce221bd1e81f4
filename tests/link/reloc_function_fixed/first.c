#include <stdarg.h>

int plain(int x) { return x + 1; }
int only_called(int x) { return 7 * x; }
double mixed(int a, double b, long long c, float d) { return a + b + c + d; }
void nothing(void) { }

int sum(int count, ...)
{
	int total = 0;
	va_list list;

	va_start(list, count);
	while (count--)
		total += va_arg(list, int);
	va_end(list);
	return total;
}

int interposed(int x) { return -x; }
