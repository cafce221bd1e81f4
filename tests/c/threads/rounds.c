/* Rounds of open, call and close beside three busy threads; a line is written when they
   begin and when they are done, to be answered by a byte. */

#include "thread.h"
#include "heap.h"

u32 step(u64 *counter);

static struct { _Alignas(64) u64 count; } counters[3];
static struct thread threads[3];
static stack stacks[3];
static u32 stop;

static int work(void *argument)
{
	while (!load(&stop))
		step(&counters[(u32)argument].count);
	return 0;
}

__attribute__((visibility("default"))) void they_go_on(void) {}

/* How many rounds follow: a number, ended by a line's end. */
static u32 next_number(void)
{
	u32 number = 0;
	for (u8 byte; (byte = next_byte()) >= '0' && byte <= '9';)
		number = number * 10 + byte - '0';
	return number;
}

static struct thread visitor;
static stack visitor_stack;
static int visit(void *argument) { return ((int (*)(void))argument)(); }

int main(void)
{
	for (u32 i = 0; i < 3; i++)
		check(start_thread(&threads[i], &stacks[i], work, (void *)i) > 0);
	for (u32 rounds; (rounds = next_number());) {
		for (u32 round = 0; round < rounds; round++) {
			u64 before = load(&counters[round % 3].count);
			void *library = opened("new.wat", round % 2 ? NOW : LAZY);
			void *other = opened("own.wasm", NOW | GLOBAL);
			int (*next_value)(void) = symbol(library, "next_value");
			int *(*own_address)(void) = symbol(other, "own_address");
			check(next_value() == 101 && next_value() == 102 && *own_address() == 42);
			if (round % 16 == 0) {
				check(start_thread(&visitor, &visitor_stack, visit, next_value) > 0);
				check(join(&visitor) == 101);
			}
			*own_address() = round;
			check(dlclose(library) == 0);
			check(dlclose(other) == 0);
			if (round % 256 == 0)
				while (load(&counters[round % 3].count) == before)
					yield();
		}
		print("%u rounds\n", rounds);
	}
	store(&stop, 1);
	for (u32 i = 0; i < 3; i++)
		join(&threads[i]);
	print("calls meanwhile: %l %l %l\n", counters[0].count, counters[1].count, counters[2].count);
	return 0;
}
