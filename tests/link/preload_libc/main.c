#include <stdio.h>
#include <stdlib.h>

int user_rand(void);
const char *user_env(const char *);

int main(void)
{
	srand(1);
	int first = rand(), second = user_rand();
	printf("%d\n", second - first == 7);
	printf("%s %s\n", user_env("FIRST"), user_env("SECOND"));
	return 0;
}
