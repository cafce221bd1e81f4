/* Threads do the same at once: eight call what is bound at its first call, then four
   throw and catch across modules. */

#include "thread.h"

#ifndef THREADS
#define THREADS 8
#endif
#define FUNCTIONS 200

/* Of libraries: calls each function once and adds up; throws and catches. */
u32 call_all(u32 from);
u32 catch(u32 value, u32 depth);
u32 keep(u32 value);

static struct thread threads[THREADS];
static stack stacks[THREADS];
static struct barrier barrier = {.count = THREADS};

static int run(void *argument)
{
	u32 thread = (u32)argument;
	meet(&barrier);
	for (u32 i = 0; i < 3; i++)
		check(call_all(thread) == FUNCTIONS * thread + FUNCTIONS * (FUNCTIONS - 1) / 2);
	meet(&barrier);
	for (u32 i = 0; i < 3000; i++) {
		u32 value = thread << 24 | i;
		check(catch(value, i % 20) == value + 1);
	}
	for (u32 i = 0; i < 100; i++)
		check(keep(thread << 16 | i) == (thread << 16 | i));
	return 0;
}

int main(void)
{
	for (u32 i = 1; i < THREADS; i++)
		check(start_thread(&threads[i], &stacks[i], run, (void *)i) > 0);
	run((void *)0);
	for (u32 i = 1; i < THREADS; i++)
		join(&threads[i]);
	print("all right\n");
	return 0;
}
