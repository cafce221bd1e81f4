#include <stdlib.h>
#include <string.h>

void one_sets(char *text)
{
	setenv("OVERRIDDEN", "by one", 1);
	srand(42);
	strtok(text, ",");
}
