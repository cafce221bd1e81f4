#include <stdio.h>
#include "all.h"

#define DECLARE(name) unsigned name(unsigned);
#define CALL(name) sum = 3 * sum + name(1);

ALL(DECLARE)

int main(void)
{
	unsigned sum = 0;
	ALL(CALL)
	printf("%u %u\n", sum, f777(1000));
	return 0;
}
