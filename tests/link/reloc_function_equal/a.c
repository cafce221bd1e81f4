#include <stdlib.h>
#include <string.h>

typedef void any(void);
int of_main(int);

int of_a(int x)
{
	return x;
}

void a_pointers(any **out)
{
	out[0] = (any *)of_a;
	out[1] = (any *)of_main;
	out[2] = (any *)strcmp;
	out[3] = (any *)abs;
}
