/* A weak reference is null where nothing defines it. */

#include <stdio.h>

void report(void);

int main(void)
{
	report();
	return 0;
}
