/* A wrapper around a function of libc. */

#include <stdio.h>
#include <stdlib.h>

const char *user_env(const char *);

int main(void)
{
	setenv("THERE", "in the environment", 1);
	printf("%s, %s\n", user_env("THERE"), getenv("NOT_THERE"));
	return 0;
}
