#include <stdio.h>
extern int numbers[4];
int sum(void);
int main(void)
{
	int before = sum();
	numbers[0]++;
	printf("%d %d %d\n", before, numbers[3], sum());
	return 0;
}
