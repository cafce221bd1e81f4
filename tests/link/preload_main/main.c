/* Main comes before what is preloaded; a weak reference finds it. */

#include <stdio.h>

const char *user_choose(void);
int user_chosen(void), user_hook(int);
int chosen = 1;

const char *choose(void)
{
	return "main's";
}

int main(void)
{
	printf("%s %d %d\n", user_choose(), user_chosen(), user_hook(4));
	return 0;
}
