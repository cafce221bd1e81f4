/* What is preloaded comes before what is needed. */

#include <stdio.h>

int work(int);

int main(void)
{
	printf("%d\n", work(5));
	return 0;
}
