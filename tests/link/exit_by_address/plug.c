#include <stdio.h>
#include <stdlib.h>

static int (*volatile by_atexit)(void (*)(void)) = atexit;
static int (*volatile by_quick)(void (*)(void)) = at_quick_exit;

static void bye(void) { puts("bye"); fflush(stdout); }
static void quick(void) { puts("quick"); fflush(stdout); }

int enter(int x)
{
	return x + by_atexit(bye) + by_quick(quick);
}
