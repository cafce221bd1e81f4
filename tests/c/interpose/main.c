/* The first definition in load order is everybody's: main's before any, that of
   libfirst.so before that of libsecond.so, which libuser.so was linked with. */

#include <stdio.h>

const char *by_user_in_all(void), *by_user_in_both(void);
int both_value_of_user(void), both_value_of_second(void);
int main_value = 1;

const char *in_all(void)
{
	return "main";
}

int main(void)
{
	printf("in_all %s\n", by_user_in_all());
	printf("in_both %s\n", by_user_in_both());
	printf("both_value %d %d\n", both_value_of_user(), both_value_of_second());
	return 0;
}
