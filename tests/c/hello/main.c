/* The least that needs a library: text and numbers through libc.so. */

#include <stdio.h>

int main(void)
{
	puts("hello");
	printf("%d %s %.3f %lld\n", 42, "text", 2.0 / 3, 1LL << 40);
	return 0;
}
