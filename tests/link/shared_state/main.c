/* What libc keeps between calls: environment, strtok's place, rand's seed. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void one_sets(char *);
const char *two_gets(const char *), *two_token(void);
int two_rand(void);

int main(void)
{
	char text[] = "first,second,third";

	printf("%s %s\n", two_gets("FROM_OUTSIDE"), two_gets("OVERRIDDEN"));
	one_sets(text);
	printf("%s\n", two_gets("OVERRIDDEN"));
	printf("%s\n", two_token());
	printf("%s\n", strtok(NULL, ","));
	int first = two_rand(), second = two_rand();
	srand(42);
	printf("%d\n", first == rand());
	printf("%d\n", second == two_rand());
	return 0;
}
