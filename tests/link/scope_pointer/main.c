#include <stdio.h>

int twice(int), by_table(int, int), (*take(void))(int);

int main(void)
{
	printf("%d %d %d\n", by_table(0, 5), by_table(1, 5), take()(6));
	printf("%d\n", take() == twice);
	return 0;
}
