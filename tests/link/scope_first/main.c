/* libuser.so was linked with libb.so alone; liba.so comes before it all the same. */

#include <stdio.h>

const char *name(void), *more(void);
void use(void);

int main(void)
{
	printf("main: %s %s\n", name(), more());
	use();
	use();
	return 0;
}
