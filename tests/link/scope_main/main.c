/* What main defines is everybody's, even the defining library's own. */

#include <stdio.h>

int client(int), *client_level(void), *service_level(void);
int level = 5;

int policy(int x)
{
	return x * 100;
}

int main(void)
{
	printf("%d\n", client(3));
	level = 7;
	printf("%d\n", client(3));
	printf("%d %d\n", client_level() == &level, service_level() == &level);
	return 0;
}
