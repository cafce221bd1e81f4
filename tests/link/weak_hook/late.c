#include <stdio.h>

void on_step(int n)
{
	printf("late sees step %d\n", n);
}
