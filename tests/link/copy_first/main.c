#include <stdio.h>

extern int value;
int get_a(void), get_b(void);

int main(void)
{
	printf("%d %d %d\n", value, get_a(), get_b());
	value = 10;
	printf("%d %d %d\n", value, get_a(), get_b());
	return 0;
}
