#include <stdio.h>

extern int state;
int store_state(void);

__attribute__((constructor)) static void start(void)
{
	printf("main's constructor sees %d\n", state);
	state = 3;
}

int main(void)
{
	printf("%d %d\n", state, store_state());
	return 0;
}
