#include <stdio.h>

__attribute__((weak)) void on_start(int), on_step(int), on_end(int);

void host_run(void)
{
	if (on_start)
		on_start(1);
	for (int i = 0; i < 2; i++)
		if (on_step)
			on_step(i);
	if (on_end)
		on_end(9);
	else
		puts("nobody at the end");
}
