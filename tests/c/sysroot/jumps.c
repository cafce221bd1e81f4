/* Jumps within a function, out of functions, and past those that jump
   themselves. */

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static jmp_buf outer, inner;
static sigjmp_buf kept;

static void down(int depth, int value)
{
	if (depth == 0)
		longjmp(outer, value);
	if (depth == 2 && setjmp(inner) == 0)
		longjmp(inner, 1);
	down(depth - 1, value);
}

int main(void)
{
	volatile int round = 0;
	int value = setjmp(outer);
	printf("outer %d in round %d\n", value, round);
	if (round++ < 3)
		down(round, round == 3 ? 0 : round * 10);
	value = sigsetjmp(kept, 1);
	printf("kept %d\n", value);
	if (value < 2)
		siglongjmp(kept, value + 1);
	value = _setjmp(inner);
	printf("inner %d\n", value);
	if (!value)
		_longjmp(inner, 7);
	return 0;
}
