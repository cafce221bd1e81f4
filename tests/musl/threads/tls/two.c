#include <stdio.h>
#include "tls.h"

/* Alignment beyond what others need. */
static __thread int sum;
static __thread _Alignas(64) char aligned[64] = "aligned";
static __thread int (**table)(void) = (int (*[1])(void)){0};
extern int two_data;
static __thread int *data = &two_data;
__thread long long two_number = 0x100000002LL;
int two_data = 22;

void two_add(int n)
{
	sum += n;
	two_number += 0x100000000LL;
	aligned[10] = 'x';
	one_add(1);
}

void two_tell(char *out)
{
	sprintf(out, "two: %llx, sum %d, %s, aligned %d, data %d %d, table %d", two_number, sum, aligned,
		(int)((unsigned long)aligned % 64), data == &two_data, *data, *table != 0);
}

int *two_place(void)
{
	return &sum;
}
