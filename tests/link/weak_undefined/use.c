#include <stdio.h>

#define WEAK __attribute__((weak))

WEAK int gone(int), there(int);
WEAK extern int gone_value, there_value;

static int (*volatile functions[])(int) = { gone, there };
static int *volatile values[] = { &gone_value, &there_value };

void report(void)
{
	for (int i = 0; i < 2; i++) {
		printf("function %d\n", functions[i] ? functions[i](i) : -1);
		printf("value %d\n", values[i] ? *values[i] : -1);
	}
	printf("%s %d\n", gone ? "gone is there" : "gone is not", there ? there(40) : -1);
}
