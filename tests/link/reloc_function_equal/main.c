/* A function has one address too: main's, a library's and libc's. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void any(void);
void a_pointers(any **), b_pointers(any **);
int of_a(int);

int of_main(int x)
{
	return x + 1;
}

int main(void)
{
	any *mine[4] = { (any *)of_a, (any *)of_main, (any *)strcmp, (any *)abs };
	any *as[4], *bs[4];

	a_pointers(as);
	b_pointers(bs);
	for (int i = 0; i < 4; i++)
		printf("%d %d\n", mine[i] == as[i], mine[i] == bs[i]);
	printf("%d\n", ((int (*)(int))bs[1])(4));
	return 0;
}
