#include <stdio.h>

static char buffer[4096];

int other(FILE *stream, int n)
{
	setvbuf(stream, buffer, _IOFBF, sizeof buffer);
	return fprintf(stream, "other %d\n", n);
}
