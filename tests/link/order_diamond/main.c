/* One base below two sides: it is ready before either and ends after both. */

#include <stdio.h>

int left_count(void), right_count(void);

int main(void)
{
	printf("main %d\n", left_count() + right_count());
	return 0;
}
