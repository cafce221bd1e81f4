/* No data of others but through functions. */
#include <stdio.h>
int sum(void);
int main(void)
{
	printf("%d\n", sum());
	return 0;
}
