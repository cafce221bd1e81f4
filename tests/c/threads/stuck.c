/* A constructor waits without end, until a thread ends the program. */

#include "thread.h"
#include "heap.h"

static struct thread thread, other;
static stack thread_stack, other_stack;
static u32 constructing;

static int end(void *argument)
{
	(void)argument;
	/* Whoever wants the library waits for its constructor. */
	u32 nothing = 0;
	wait(&nothing, 0, 20 * MILLISECOND);
	proc_exit(7);
}

static int want(void *argument)
{
	(void)argument;
	opened("slow.wat", NOW);
	check(0);
	return 0;
}

__attribute__((visibility("default"))) void constructor_begins(void)
{
	check(start_thread(&other, &other_stack, want, NULL) > 0);
	check(start_thread(&thread, &thread_stack, end, NULL) > 0);
}

__attribute__((visibility("default"))) void constructor_lasts(void)
{
	wait(&constructing, 0, FOREVER);
}

int main(void)
{
	opened("slow.wat", NOW);
	check(0);
	return 0;
}
