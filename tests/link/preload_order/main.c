#include <stdio.h>

const char *who(void), *only_p(void), *only_q(void);

int main(void)
{
	printf("%s %s %s\n", who(), only_p(), only_q());
	return 0;
}
