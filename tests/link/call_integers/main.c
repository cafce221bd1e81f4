/* More integers than there are registers, at the first call and the second. */

#include <stdio.h>

int take(int, int, int, int, int, int, int, int, int, int, int, int);
long long wide(long long, int, long long, int, long long, unsigned, long long, short, long long,
	       signed char);
int narrow(unsigned char, signed char, unsigned short, short, _Bool);

int main(void)
{
	for (int i = 0; i < 2; i++) {
		printf("%d\n", take(i, -1, 2, -3, 4, -5, 6, -7, 8, -9, 10, -11));
		printf("%lld\n", wide(1LL << 40, -5, -(1LL << 33), 3, 7, 4000000000u, 1LL << 50, -2, -1, -128));
		printf("%d\n", narrow(200, -100, 60000, -30000, i));
	}
	return 0;
}
