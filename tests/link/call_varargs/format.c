#include <stdarg.h>
#include <stdio.h>

double sum(const char *kinds, ...)
{
	va_list list;
	double total = 0;

	va_start(list, kinds);
	for (; *kinds; kinds++)
		switch (*kinds) {
		case 'i': total += va_arg(list, int); break;
		case 'l': total += (double)va_arg(list, long long); break;
		case 'd': total += va_arg(list, double); break;
		case 's': total += va_arg(list, const char *)[0]; break;
		}
	va_end(list);
	return total;
}

int forward(char *out, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int length = vsprintf(out, format, list);
	va_end(list);
	return length;
}
