/* Hooks: one in main, one in a later library, one nowhere. */

#include <stdio.h>

void host_run(void);

void on_start(int n)
{
	printf("main sees the start %d\n", n);
}

int main(void)
{
	host_run();
	return 0;
}
