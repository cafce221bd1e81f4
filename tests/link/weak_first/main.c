#include <stdio.h>

const char *user_kind(void), *kind(void);
int user_level(void);

int main(void)
{
	printf("%s %s %d\n", user_kind(), kind(), user_level());
	return 0;
}
