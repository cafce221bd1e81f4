#include <stdio.h>

const char *name(void), *more(void);
extern int value;

void use(void)
{
	printf("user: %s %d %s\n", name(), value, more());
	value += 10;
}
