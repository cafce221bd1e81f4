#include <stdio.h>

const char *level(void), *help(void);

int main(void)
{
	printf("%s %s\n", level(), help());
	return 0;
}
