#include <stdio.h>

int base_count;

void say(const char *who, const char *what)
{
	printf("%d %s %s\n", ++base_count, who, what);
}

__attribute__((constructor)) static void start(void)
{
	say("base", "starts");
}

__attribute__((destructor)) static void finish(void)
{
	say("base", "ends");
}
