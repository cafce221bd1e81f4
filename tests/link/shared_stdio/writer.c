#include <stdio.h>

void writer(const char *text)
{
	fputs(text, stdout);
	putchar(' ');
}
