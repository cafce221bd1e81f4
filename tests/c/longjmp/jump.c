#include "jump.h"

void jump(jmp_buf *to, int value)
{
	printf("  jump with %d\n", value);
	longjmp(*to, value);
}

static jmp_buf here;

int guarded(int (*call)(int), int value)
{
	volatile int steps = 1;
	int result = setjmp(here);
	steps++;
	if (result == 0)
		return call(value) + steps;
	if (result < 3)
		longjmp(here, result + 1);
	return 100 * result + steps;
}
