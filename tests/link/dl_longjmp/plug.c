#include <setjmp.h>

typedef int function(int);
static jmp_buf inner;
static int passed;

int through(function *back, int x)
{
	int got = back(x);
	passed++;
	return got;
}

static void leave(int x)
{
	longjmp(inner, x);
}

int own(int x)
{
	int got = setjmp(inner);
	if (got == 0)
		leave(x);
	return got + 100 * passed;
}
