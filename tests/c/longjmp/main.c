/* setjmp and longjmp across a library, both ways. */

#include "jump.h"

static jmp_buf outer;

static int add(int value)
{
	return value + 1;
}

static int out(int value)
{
	jump(&outer, value);
	return -1;
}

int main(void)
{
	volatile int rounds = 0;
	int value = setjmp(outer);
	printf("setjmp: %d after %d\n", value, rounds);
	if (rounds++ < 3)
		jump(&outer, 10 * rounds);

	printf("guarded: %d\n", guarded(add, 5));
	value = setjmp(outer);
	if (value == 0)
		printf("not here: %d\n", guarded(out, 7));
	printf("out of guarded: %d\n", value);

	int sum = 0;
	for (volatile int i = 1; i <= 1000; i++) {
		value = setjmp(outer);
		if (value == 0)
			longjmp(outer, i);
		sum += value;
	}
	printf("%s\n", sum > 0 ? "done" : "wrong");
	return 0;
}
