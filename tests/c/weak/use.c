#include <stdio.h>

__attribute__((weak)) int absent(int);
__attribute__((weak)) int present(int);
__attribute__((weak)) extern int absent_value, present_value;

/* In data the null has to be there before anything runs. */
static int (*const table[])(int) = { absent, present };

void report(void)
{
	printf("absent %s\n", absent ? "found" : "null");
	printf("present %d\n", present ? present(20) : -1);
	printf("absent_value %s\n", &absent_value ? "found" : "null");
	printf("present_value %d\n", &present_value ? present_value : -1);
	printf("table %d %d\n", table[0] ? table[0](1) : -1, table[1] ? table[1](1) : -1);
}
