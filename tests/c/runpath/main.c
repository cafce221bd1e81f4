/* Libraries found by what those who need them say: neither lies beside main. */

#include <stdio.h>

const char *outer(void);

int main(void)
{
	puts(outer());
	return 0;
}
