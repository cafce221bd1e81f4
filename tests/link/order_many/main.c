#include <stdio.h>

#define ALL(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) \
	M(14) M(15) M(16) M(17) M(18) M(19) M(20) M(21) M(22) M(23)
#define DECLARE(n) int part##n(void);
#define ENTRY(n) part##n,

ALL(DECLARE)

static int (*const parts[])(void) = { ALL(ENTRY) };
static int order[32], count;

void started(int n)
{
	order[count++] = n;
}

int main(void)
{
	int sum = 0;

	for (int i = 0; i < count; i++)
		printf("%d ", order[i]);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 24; i++)
			sum += parts[i]();
	printf("\n%d\n", sum);
	return 0;
}
