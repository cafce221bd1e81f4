/* Breadth first: b, which main needs, comes before c, which a needs. */

#include <stdio.h>

const char *a_where(void), *a_who(void), *where(void);

int main(void)
{
	printf("%s %s %s\n", a_where(), a_who(), where());
	return 0;
}
