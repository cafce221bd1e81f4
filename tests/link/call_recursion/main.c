#include <stdio.h>

int is_even(unsigned, double, const char *), is_odd(unsigned, double, const char *);

int main(void)
{
	printf("%d\n", is_even(2000, 0, "text"));
	printf("%d\n", is_even(2001, 0, "text"));
	printf("%d\n", is_odd(777, 0, "x"));
	return 0;
}
