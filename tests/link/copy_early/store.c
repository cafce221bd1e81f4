#include <stdio.h>

int state = 1;

/* By then the copy is there: this writes it. */
__attribute__((constructor)) static void start(void)
{
	printf("constructor sees %d\n", state);
	state = 2;
}

int store_state(void) { return state; }
