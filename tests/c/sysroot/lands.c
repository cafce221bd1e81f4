#include <setjmp.h>
#include <stdio.h>

void leap(jmp_buf place, int value);

int main(void)
{
	jmp_buf place;
	int value = setjmp(place);
	if (value == 0) {
		puts("leaps");
		leap(place, 3);
	}
	printf("landed by %d\n", value);
	return value;
}
