/* Hidden symbols of one name are as many as there are libraries. */

#include <stdio.h>

int p_step(int), q_step(int);
int secret = 99;

int step(int x)
{
	return -x;
}

int main(void)
{
	for (int i = 1; i < 4; i++) {
		printf("%d\n", p_step(i));
		printf("%d\n", q_step(i));
	}
	printf("%d %d\n", secret, step(4));
	return 0;
}
