/* A trap in a library, below a call from main: what was flushed is out. */

#include <stdio.h>

typedef int binary(int a, int b);
binary *get_divide(void);
int apply(binary *call, int a, int b);

int main(void)
{
	printf("%d\n", apply(get_divide(), 10, 2));
	fflush(NULL);
	printf("%d\n", apply(get_divide(), 10, 0));
	return 0;
}
