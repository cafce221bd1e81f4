#include <stdio.h>

double doubles(double, double, double, double, double, double, double, double, double, double, double);
float mixed(int, float, long long, double, short, float, int, double, unsigned, float, int, double,
	    int, float, double, float, double);

int main(void)
{
	for (int i = 0; i < 2; i++) {
		printf("%g\n", doubles(i, 0.5, 0.25, -1, 2, -3, 4, -5, 6, -7, 8.125));
		printf("%g\n", mixed(i, 1.5f, -2, 2.5, -3, 3.5f, 4, 4.5, 5, 5.5f, -6, 6.5, 7, -7.5f, 8.5, 9.5f, 10.5));
	}
	return 0;
}
