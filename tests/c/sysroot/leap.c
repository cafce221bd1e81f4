#include <setjmp.h>

void leap(jmp_buf place, int value)
{
	longjmp(place, value);
}
