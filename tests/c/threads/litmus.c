/* Litmus tests of the memory model. A shape is run on many cells by two to four
   threads at once, each cell once a round; what the threads saw is counted by cell.
   Outcomes that the model forbids end the program with 1. */

#include "thread.h"

#define CELLS 2000

struct cell {
	_Alignas(64) int x;
	_Alignas(64) int y;
	_Alignas(64) long long wide;
	_Alignas(64) int seen[4];
};

static struct cell cells[CELLS];

struct shape {
	const char *name;
	u32 threads;
	/* What thread number `thread` does to a cell. */
	void (*run)(struct cell *, u32 thread);
	/* Whether the model forbids what was seen; the outcome's number in `counts`. */
	int (*forbidden)(const int *seen);
	u32 (*outcome)(const struct cell *);
	u32 rounds;
};

/* Plain accesses, once each and in this order: what C calls volatile. */
#define plain(at) (*(volatile __typeof__(*(at)) *)(at))

static void message_passing(struct cell *cell, u32 thread)
{
	if (thread == 0) {
		plain(&cell->x) = 1;
		store(&cell->y, 1);
	} else {
		cell->seen[0] = load(&cell->y);
		cell->seen[1] = plain(&cell->x);
	}
}

static void message_passing_wide(struct cell *cell, u32 thread)
{
	if (thread == 0) {
		plain(&cell->wide) = -1;
		__atomic_exchange_n(&cell->y, 1, __ATOMIC_SEQ_CST);
	} else {
		cell->seen[0] = add(&cell->y, 0);
		cell->seen[1] = plain(&cell->wide) == -1;
	}
}

static void message_passing_fences(struct cell *cell, u32 thread)
{
	if (thread == 0) {
		plain(&cell->x) = 1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		plain(&cell->y) = 1;
	} else {
		cell->seen[0] = plain(&cell->y);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		cell->seen[1] = plain(&cell->x);
	}
}

static int passed_without(const int *seen) { return seen[0] == 1 && seen[1] == 0; }

static void buffering(struct cell *cell, u32 thread)
{
	int *mine = thread ? &cell->y : &cell->x, *other = thread ? &cell->x : &cell->y;
	store(mine, 1);
	cell->seen[thread] = load(other);
}

static void buffering_exchange(struct cell *cell, u32 thread)
{
	int *mine = thread ? &cell->y : &cell->x, *other = thread ? &cell->x : &cell->y;
	__atomic_exchange_n(mine, 1, __ATOMIC_SEQ_CST);
	cell->seen[thread] = plain(other);
}

static void buffering_fence(struct cell *cell, u32 thread)
{
	int *mine = thread ? &cell->y : &cell->x, *other = thread ? &cell->x : &cell->y;
	plain(mine) = 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	cell->seen[thread] = plain(other);
}

static void buffering_plain(struct cell *cell, u32 thread)
{
	int *mine = thread ? &cell->y : &cell->x, *other = thread ? &cell->x : &cell->y;
	plain(mine) = 1;
	cell->seen[thread] = plain(other);
}

static int neither(const int *seen) { return seen[0] == 0 && seen[1] == 0; }

static void load_buffering(struct cell *cell, u32 thread)
{
	int *mine = thread ? &cell->y : &cell->x, *other = thread ? &cell->x : &cell->y;
	cell->seen[thread] = load(other);
	store(mine, 1);
}

static int both(const int *seen) { return seen[0] == 1 && seen[1] == 1; }

/* Independent reads of independent writes. */
static void independent(struct cell *cell, u32 thread)
{
	if (thread == 0) {
		store(&cell->x, 1);
	} else if (thread == 1) {
		store(&cell->y, 1);
	} else if (thread == 2) {
		cell->seen[0] = load(&cell->x);
		cell->seen[1] = load(&cell->y);
	} else {
		cell->seen[2] = load(&cell->y);
		cell->seen[3] = load(&cell->x);
	}
}

static int disagree(const int *seen)
{
	return seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0;
}

/* From writes to reads by way of a third thread. */
static void causality(struct cell *cell, u32 thread)
{
	if (thread == 0) {
		store(&cell->x, 1);
	} else if (thread == 1) {
		cell->seen[0] = load(&cell->x);
		store(&cell->y, 1);
	} else {
		cell->seen[1] = load(&cell->y);
		cell->seen[2] = load(&cell->x);
	}
}

static int effect_without_cause(const int *seen)
{
	return seen[0] == 1 && seen[1] == 1 && seen[2] == 0;
}

/* Reads of one location by one thread follow the order of its writes. */
static void coherence(struct cell *cell, u32 thread)
{
	if (thread == 0) {
		store(&cell->x, 1);
		store(&cell->x, 2);
	} else {
		cell->seen[2 * thread - 2] = load(&cell->x);
		cell->seen[2 * thread - 1] = load(&cell->x);
	}
}

static int backwards(const int *seen) { return seen[0] > seen[1] || seen[2] > seen[3]; }

/* Two threads write two locations in opposite order: the ends are not both first. */
static void writes(struct cell *cell, u32 thread)
{
	int *first = thread ? &cell->y : &cell->x, *second = thread ? &cell->x : &cell->y;
	store(first, 1);
	store(second, 2);
}

static u32 last(const struct cell *cell) { return (cell->x == 1) * 2 + (cell->y == 1); }
static int both_first(const int *seen) { return seen[0] == 3; }

/* Aligned words of eight bytes are whole. */
static void whole(struct cell *cell, u32 thread)
{
	if (thread < 2) {
		plain(&cell->wide) = thread ? 0x1111111111111111 : -1;
	} else {
		long long value = plain(&cell->wide);
		cell->seen[0] = value != 0 && value != -1 && value != 0x1111111111111111;
		cell->seen[1] = value != 0;
	}
}

static int torn(const int *seen) { return seen[0]; }

static u32 of_two(const struct cell *cell) { return cell->seen[0] * 2 + cell->seen[1]; }

static u32 of_four(const struct cell *cell)
{
	u32 outcome = 0;
	for (u32 i = 0; i < 4; i++)
		outcome = outcome * 2 + (cell->seen[i] != 0);
	return outcome;
}

static const struct shape shapes[] = {
	{"message passing", 2, message_passing, passed_without, of_two, 15},
	{"message passing, wide, read-modify-write", 2, message_passing_wide, passed_without, of_two, 15},
	{"message passing, fences", 2, message_passing_fences, passed_without, of_two, 15},
	{"store buffering", 2, buffering, neither, of_two, 15},
	{"store buffering, exchange", 2, buffering_exchange, neither, of_two, 15},
	{"store buffering, fence", 2, buffering_fence, neither, of_two, 15},
	{"store buffering, plain", 2, buffering_plain, NULL, of_two, 15},
	{"load buffering", 2, load_buffering, both, of_two, 15},
	{"independent reads of independent writes", 4, independent, disagree, of_four, 15},
	{"causality", 3, causality, effect_without_cause, of_four, 15},
	{"coherence", 3, coherence, backwards, of_four, 15},
	{"two writes each", 2, writes, both_first, last, 15},
	{"whole words", 3, whole, torn, of_two, 15},
};

static const struct shape *shape;
static struct barrier start, end;
static u64 counts[16];
static u64 forbidden;

/* How far each thread is; they come to a cell together as long as all of them run. Who
   is not there soon has no processor, and is not waited for. */
static struct { _Alignas(64) u32 cell; } progress[4];

static void together(u32 thread, u32 cell)
{
	u32 patience = shape->threads == 2 ? 3000 : 100;
	store(&progress[thread].cell, cell);
	for (u32 i = 0; i < shape->threads; i++)
		while (load(&progress[i].cell) < cell)
			if (!--patience)
				return;
}

static int rounds(void *argument)
{
	u32 thread = (u32)argument;
	for (u32 round = 0; round < shape->rounds; round++) {
		if (thread == 0) {
			for (u32 i = 0; i < CELLS; i++)
				cells[i] = (struct cell){0};
			for (u32 i = 0; i < 4; i++)
				store(&progress[i].cell, 0);
		}
		meet(&start);
		/* The threads change places, so that none is first in every round. */
		u32 role = (thread + round) % shape->threads;
		for (u32 i = 0; i < CELLS; i++) {
			together(thread, i);
			shape->run(&cells[i], role);
		}
		meet(&end);
		if (thread == 0)
			for (u32 i = 0; i < CELLS; i++) {
				u32 outcome = shape->outcome(&cells[i]);
				if (shape->run == writes)
					cells[i].seen[0] = outcome;
				counts[outcome % 16]++;
				forbidden += shape->forbidden && shape->forbidden(cells[i].seen);
			}
	}
	return 0;
}

static struct thread threads[4];
static stack stacks[4];

/* Read-modify-writes of every width by four threads: none is lost, and the bytes
   beside a narrow one stay. */
#define EACH 10000
static struct { _Alignas(8) u8 before, byte, after; } bytes;
static struct { _Alignas(8) u16 before, half, after; } halves;
static u32 word, word_bits, word_loop;
static u64 wide, wide_bits, wide_loop;
static u32 tickets[4 * EACH + 4];
static u32 ticket;
static u8 lock;
static u32 guarded;

static int modify(void *argument)
{
	u32 thread = (u32)argument;
	for (u32 i = 0; i < EACH; i++) {
		add(&bytes.byte, 1);
		add(&halves.half, 3);
		add(&word, 5);
		__atomic_fetch_sub(&wide, 0x100000001u, __ATOMIC_SEQ_CST);
		__atomic_fetch_xor(&word_bits, 1u << (8 * thread), __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&wide_bits, 1ull << (16 * thread + i % 16), __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&wide_bits, ~(1ull << (16 * thread + (i + 8) % 16)), __ATOMIC_SEQ_CST);
		u32 seen = plain(&word_loop);
		while (!__atomic_compare_exchange_n(&word_loop, &seen, seen * 2 + 1 - seen, 0,
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		u64 seen_wide = plain(&wide_loop);
		while (!__atomic_compare_exchange_n(&wide_loop, &seen_wide, seen_wide + 0x100000000u, 0,
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		add(&tickets[add(&ticket, 1)], 1);
		while (__atomic_exchange_n(&lock, 1, __ATOMIC_SEQ_CST))
			yield();
		guarded++;
		store(&lock, 0);
	}
	return 0;
}

static void run_all(u32 count, int (*run)(void *))
{
	for (u32 i = 1; i < count; i++)
		check(start_thread(&threads[i], &stacks[i], run, (void *)i) > 0);
	run((void *)0);
	for (u32 i = 1; i < count; i++)
		join(&threads[i]);
}

int main(void)
{
	int failed = 0;
	for (u32 i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		shape = &shapes[i];
		start.count = end.count = shape->threads;
		forbidden = 0;
		for (u32 j = 0; j < 16; j++)
			counts[j] = 0;
		run_all(shape->threads, rounds);
		print("%s: forbidden %l of %u;", shape->name, forbidden, shape->rounds * CELLS);
		for (u32 j = 0; j < 16; j++)
			if (counts[j])
				print(" %u: %l", j, counts[j]);
		print("\n");
		failed |= forbidden != 0;
	}
	run_all(4, modify);
	check(bytes.byte == (u8)(4 * EACH) && !bytes.before && !bytes.after);
	check(halves.half == (u16)(12 * EACH) && !halves.before && !halves.after);
	check(word == 20 * EACH);
	check(wide == -(u64)(4 * EACH) * 0x100000001u);
	check(word_bits == 0);
	for (u32 i = 0; i < 4; i++)
		check(((u16)(wide_bits >> (16 * i))) == (u16)(wide_bits));
	check(word_loop == 4 * EACH);
	check(wide_loop == (u64)(4 * EACH) << 32);
	check(ticket == 4 * EACH && guarded == 4 * EACH);
	for (u32 i = 0; i < ticket; i++)
		check(tickets[i] == 1);
	print("%u read-modify-writes by each of 4 threads: none is lost\n", (u32)EACH);
	return failed;
}
