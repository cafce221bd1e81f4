/* Opening and closing a library stops no thread: three call functions of another
   library without end, one waits. At each point at which the loader runs code of the
   program, the allocator and a constructor, they are seen to go on; and threads that were
   there before use the new library, with thread-local variables of their own. */

#include "thread.h"
#include "heap.h"

#define BUSY 3
#define ROUNDS 8

/* Of the library that they call: counts by one, answers how often this thread did. */
u32 step(u64 *counter);

static struct { _Alignas(64) u64 count; } counters[BUSY];
static struct thread threads[BUSY + 1];
static stack stacks[BUSY + 1];
static u32 stop, parked;
static u32 new_round;
static u32 done[BUSY];
static int (*next_value)(void);
static int *(*own_address)(void);
static int *addresses[BUSY + 1];
static u32 seen_to_go_on;
static u64 least = -1;

static int work(void *argument)
{
	u32 thread = (u32)argument, round = 0;
	u32 calls = 0;
	for (;;) {
		check(step(&counters[thread].count) == ++calls);
		if (load(&stop))
			return 0;
		if (load(&new_round) == round)
			continue;
		/* A library that was opened after this thread had begun. */
		round = load(&new_round);
		for (int i = 1; i <= 5; i++)
			check(next_value() == 100 + i);
		int *own = own_address();
		check(*own == 42);
		*own = 1000 + thread;
		addresses[thread] = own;
		store(&done[thread], round);
	}
}

static int park(void *argument)
{
	(void)argument;
	while (!load(&stop)) {
		store(&parked, 1);
		check(wait(&stop, 0, FOREVER) != 2);
	}
	return 0;
}

/* Each busy thread makes a thousand calls more. The constructor calls this, too. */
__attribute__((visibility("default"))) void they_go_on(void)
{
	u64 before[BUSY];
	for (u32 i = 0; i < BUSY; i++)
		before[i] = load(&counters[i].count);
	for (u32 i = 0; i < BUSY; i++)
		while (load(&counters[i].count) < before[i] + 1000)
			yield();
	seen_to_go_on++;
}

static u64 sum(void)
{
	u64 sum = 0;
	for (u32 i = 0; i < BUSY; i++)
		sum += load(&counters[i].count);
	return sum;
}

int main(void)
{
	for (u32 i = 0; i < BUSY; i++)
		check(start_thread(&threads[i], &stacks[i], work, (void *)i) > 0);
	check(start_thread(&threads[BUSY], &stacks[BUSY], park, NULL) > 0);
	they_go_on();
	while (!load(&parked))
		yield();

	for (u32 round = 1; round <= ROUNDS; round++) {
		u64 before = sum();
		seen_to_go_on = 0;
		at_heap = they_go_on;
		void *library = opened("new.wat", NOW);
		void *other = opened("own.wasm", NOW);
		at_heap = NULL;
		/* By the allocator, for each of them, and by the constructor of one. */
		check(seen_to_go_on >= 3);
		next_value = symbol(library, "next_value");
		own_address = symbol(other, "own_address");
		store(&new_round, round);
		for (int i = 1; i <= 5; i++)
			check(next_value() == 100 + i);
		addresses[BUSY] = own_address();
		check(*addresses[BUSY] == 42);
		for (u32 i = 0; i < BUSY; i++)
			while (load(&done[i]) != round)
				yield();
		for (u32 i = 0; i <= BUSY; i++) {
			check(*addresses[i] == (int)(i < BUSY ? 1000 + i : 42));
			for (u32 j = 0; j < i; j++)
				check(addresses[i] != addresses[j]);
		}
		/* A thread that begins now finds the initial values as well. */
		at_heap = they_go_on;
		seen_to_go_on = 0;
		check(dlclose(library) == 0);
		check(dlclose(other) == 0);
		at_heap = NULL;
		check(seen_to_go_on >= 2);
		they_go_on();
		u64 more = sum() - before;
		if (more < least)
			least = more;
	}
	store(&stop, 1);
	notify(&stop, -1);
	for (u32 i = 0; i <= BUSY; i++)
		join(&threads[i]);
	print("%u rounds, none was stopped\n", (u32)ROUNDS);
	print("at least %l calls a round\n", least);
	return 0;
}
