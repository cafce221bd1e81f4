/* Built under several names. */
#include <stdatomic.h>
#include <stdio.h>

static __thread int own = 5;
static atomic_int users;
static char *made;
static int room[5000] = {1, 2, 3};

__attribute__((constructor)) static void start(void)
{
	made = "made";
	room[4999] = 7;
}

/* What is open is not at its end. */
__attribute__((destructor)) static void end(void)
{
	made = NULL;
	for (volatile int wait = 0; wait < 20000; wait++);
	room[4999] = 0;
}

int NAME(int n)
{
	users++;
	own += n;
	return made && room[2] == 3 && room[4999] == 7 ? own : -1;
}
