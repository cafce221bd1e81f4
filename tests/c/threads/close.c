/* A library is closed while a thread is in a call of it, which it ends all the same. */

#include "thread.h"
#include "heap.h"

#define ROUNDS 30

static struct thread thread;
static stack thread_stack;
static u32 inside, go_on;
static u32 (*stay)(u32 *, u32 *, u32);

static int call(void *argument) { return stay(&inside, &go_on, (u32)argument); }

int main(void)
{
	for (u32 round = 0; round < ROUNDS; round++) {
		store(&inside, 0);
		store(&go_on, 0);
		void *library = opened("stays.wat", NOW);
		stay = symbol(library, "stay");
		check(start_thread(&thread, &thread_stack, call, (void *)round) > 0);
		while (!load(&inside))
			wait(&inside, 0, FOREVER);
		check(dlclose(library) == 0);
		check(dlopen("stays.wat", NOW | 4) == NULL);
		dlerror();
		/* What others are opened now is not put in its place. */
		void *others[3] = {
			opened("other.wat", NOW), opened("stays.wat", NOW), opened("new.wat", NOW),
		};
		u32 (*again)(u32 *, u32 *, u32) = symbol(others[1], "stay");
		u32 nowhere = 0, at_once = 1;
		check(again(&nowhere, &at_once, 1) == 1000 + 1 + 7);
		store(&go_on, 1);
		notify(&go_on, -1);
		check((u32)join(&thread) == 1000 + round + 7);
		for (u32 i = 0; i < 3; i++)
			check(dlclose(others[i]) == 0);
	}
	print("%u calls ended in closed libraries\n", (u32)ROUNDS);
	return 0;
}

__attribute__((visibility("default"))) void they_go_on(void) {}
