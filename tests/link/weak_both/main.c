#include <stdio.h>

typedef const char *maker_type(void);
maker_type *a_take(int **), *b_take(int **);

int main(void)
{
	int *a, *b;
	maker_type *from_a = a_take(&a), *from_b = b_take(&b);

	printf("%d %d %s %d\n", from_a == from_b, a == b, from_b(), *b);
	return 0;
}
