#include <stdlib.h>
#include <string.h>

typedef void any(void);
int of_main(int), of_a(int);

static any *const constant[] = { (any *)of_a, (any *)of_main, (any *)strcmp, (any *)abs };

void b_pointers(any **out)
{
	for (int i = 0; i < 4; i++)
		out[i] = constant[i];
}
