#include <stdio.h>

extern int array[1000];
extern short zeroed[300];
extern char aligned[64];
int store_sum(void);

int main(void)
{
	printf("%d %d %d %d %s\n", array[0], array[500], array[999], zeroed[299], aligned);
	array[1] = 100;
	zeroed[299] = 7;
	printf("%d %d\n", store_sum(), (int)((unsigned long)aligned & 63));
	return 0;
}
