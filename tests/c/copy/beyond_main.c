/* Built for another version: it uses more than there is. */
#include <stdio.h>
extern int numbers[6];
int sum(void);
int main(void)
{
	printf("%d %d\n", numbers[5], sum());
	return 0;
}
