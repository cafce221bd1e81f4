#include <stdio.h>

int depth0(int);

int main(void)
{
	printf("main %d\n", depth0(1));
	return 0;
}
