#include <stdio.h>
#include <stdlib.h>

void make(int);
static void between(void) { puts("between"); }

int main(void)
{
	make(0);
	atexit(between);
	make(1);
	puts("main");
	return 0;
}
