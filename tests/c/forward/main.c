/* Takes the address of a library's function, and has one that only calls it. */

#include <stdio.h>

int next(int);
int (*pointer_to_next(void))(int);
int same(int x) { return next(x); }
int (*volatile mine)(int) = next, (*volatile other)(int) = same;

/* Never linked: nor is what it takes the address of. */
__attribute__((visibility("hidden"))) void *unused(void) { return (void *)puts; }

int main(void)
{
	printf("%d %d\n", mine == pointer_to_next(), other == mine);
	printf("%d %d %d\n", mine(1), other(2), next(3));
	return 0;
}
