/* Preloaded wrappers, each calling the next. */

#include <stdio.h>

int work(int);

int main(void)
{
	printf("%d\n", work(0));
	return 0;
}
