#include <stdio.h>

int number = 42;
const char *text = "text of the plug-in";

__attribute__((constructor)) static void start(void) { puts("plug starts"); }
__attribute__((destructor)) static void finish(void) { puts("plug ends"); }

int add(int x)
{
	return number += x;
}
