/* The dynamic linker under stress: eight threads open, look up, call and close libraries,
   throw and catch, grow memory and table, and start threads, each in an order of its own
   by random numbers and with delays in between. What is called answers what it has to.
   From standard input: a seed, how many milliseconds, each ended by a line's end. */

#include "thread.h"
#include "heap.h"

#define WORKERS 8
#define LIBRARIES 12
#define HELD 2

WASI(clock_time_get) u32 clock_time_get(u32, u64, u64 *);

/* Of libraries that are there from the start. */
u32 catch_from(u32 (*throws)(u32), u32 value);
u32 use_table(u32 value, u32 grow);

static const char *const names[LIBRARIES] = {
	"lib0.wat", "lib1.wat", "lib2.wat", "lib3.wat", "lib4.wat", "lib5.wat",
	"lib6.wat", "lib7.wat", "lib8.wat", "lib9.wat", "lib10.wat", "lib11.wat",
};

enum {
	OPEN, OPEN_HELD, NOT_OPEN, SYMBOL, NO_SYMBOL, CALL, CALL_DEEP, OWN, CATCH, CLOSE, GROW,
	TABLE, SPAWN, WALK, ADDRESS, OPERATIONS
};
static const char *const operations[OPERATIONS] = {
	"open", "open what is held", "look for what is not open", "look up", "look up what is not there",
	"call", "call across libraries", "count in the thread's own", "throw and catch", "close",
	"grow memory", "grow and change the table", "start a thread", "walk over the objects",
	"look for an address",
};
static u32 counts[OPERATIONS];
static u64 last_moment;
static u32 pages_grown, entries_grown;

/* How often each library was constructed, and finalised. */
static int constructions[LIBRARIES], finalisations[LIBRARIES];

__attribute__((visibility("default"))) void constructed(u32 id) { add(&constructions[id], 1); }

__attribute__((visibility("default"))) void finalised(u32 id)
{
	check(add(&finalisations[id], 1) < load(&constructions[id]));
}

__attribute__((visibility("default"))) u32 of_main(u32 value) { return value ^ 0x55; }

struct held {
	void *handle;
	u32 id;
	u32 (*value)(u32), (*throws)(u32), (*deep)(u32), (*own)(void), (*data)(void);
};

struct worker {
	u64 seed;
	u32 number;
	struct held held[HELD];
	/* What the thread's own count in each library was last; 0: it has none. */
	u32 own[LIBRARIES];
	struct thread thread, child;
	stack stack, child_stack;
};

static struct worker workers[WORKERS];

static u64 now(void)
{
	u64 time;
	check(clock_time_get(1, 1, &time) == 0);
	return time;
}

static void delay(u64 *seed)
{
	u32 what = random_number(seed) % 16, nothing = 0;
	if (what < 8)
		for (volatile u32 i = random_number(seed) % 2000; i; i--)
			;
	else if (what < 10)
		yield();
	else if (what == 10)
		wait(&nothing, 0, (u64)(random_number(seed) % 300000));
}

static void open_library(struct worker *worker, struct held *held)
{
	u32 how = random_number(&worker->seed) % 4;
	held->id = random_number(&worker->seed) % LIBRARIES;
	held->handle = opened(names[held->id], (how & 1 ? NOW : LAZY) | (how == 3 ? GLOBAL : 0));
	held->value = held->throws = held->deep = NULL;
	held->own = held->data = NULL;
}

static void look_up(struct held *held)
{
	held->value = symbol(held->handle, "value");
	held->throws = symbol(held->handle, "throws");
	held->deep = symbol(held->handle, "deep");
	held->own = symbol(held->handle, "own");
	held->data = symbol(held->handle, "data");
	check(held->value == (u32 (*)(u32))dlsym(held->handle, "value"));
}

static void count_own(struct worker *worker, struct held *held)
{
	u32 *last = &worker->own[held->id];
	u32 own = held->own();
	/* It goes on from what it was, or is new if the library was away meanwhile. */
	check(own == *last + 1 || own == 1000 * held->id + 1);
	for (u32 i = 0; i < 3; i++)
		check(held->own() == ++own);
	*last = own;
}

static u32 throws_nothing(u32 value) { return value + 3; }

/* What a thread does that lives for this alone. */
static int child(void *argument)
{
	struct worker *worker = argument;
	u64 seed = worker->seed + 1;
	for (u32 i = 0; i < 3; i++) {
		u32 value = random_number(&seed) % 1000;
		check(catch_from(throws_nothing, value) == value + 3);
		for (u32 j = 0; j < HELD; j++) {
			struct held *held = &worker->held[j];
			if (!held->value)
				continue;
			check(held->value(value) == 1000 * held->id + value);
			check(held->own() == 1000 * held->id + 3 * i + 1);
			check(held->own() == 1000 * held->id + 3 * i + 2);
			check(held->own() == 1000 * held->id + 3 * i + 3);
			check(catch_from(held->throws, value) == value + 1);
			break;
		}
		delay(&seed);
	}
	return 0;
}

struct object { u32 base; const char *name; const void *headers; u16 count; };
int dl_iterate_phdr(int (*)(struct object *, size_t, void *), void *);
struct address { const char *file; void *base; const char *symbol; void *at; };
int dladdr(const void *, struct address *);

static int count_object(struct object *object, size_t size, void *data)
{
	check(size >= sizeof *object && object->name);
	++*(u32 *)data;
	return 0;
}

static u32 operation(struct worker *worker)
{
	u64 *seed = &worker->seed;
	struct held *held = &worker->held[random_number(seed) % HELD];
	u32 value = random_number(seed) % 1000;
	u32 what = random_number(seed) % 100;
	if (!held->handle) {
		open_library(worker, held);
		return OPEN;
	}
	if (!held->value) {
		look_up(held);
		return SYMBOL;
	}
	if (what < 25) {
		check(held->value(value) == 1000 * held->id + value);
		check(held->data() == 0xabc0000 + held->id);
		return CALL;
	}
	if (what < 40) {
		check(held->deep(value) == (value ^ 0x55) + (held->id & 1 ? 1000 * (held->id - 1) + value : 0));
		return CALL_DEEP;
	}
	if (what < 50) {
		count_own(worker, held);
		return OWN;
	}
	if (what < 60) {
		check(catch_from(held->throws, value) == value + 1);
		check(catch_from(held->value, value) == 1000 * held->id + value);
		return CATCH;
	}
	if (what < 78) {
		void *handle = held->handle;
		held->handle = NULL;
		held->value = NULL;
		check(dlclose(handle) == 0);
		return CLOSE;
	}
	if (what < 82) {
		void *again = opened(names[held->id], LAZY);
		check(again == held->handle && dlsym(again, "deep") == (void *)held->deep);
		check(dlclose(again) == 0);
		return OPEN_HELD;
	}
	if (what < 85) {
		/* Open or not, by what the other threads do. */
		void *other = dlopen(names[value % LIBRARIES], LAZY | 4);
		if (other)
			check(dlclose(other) == 0);
		check(dlopen("nowhere.wat", NOW) == NULL && dlerror() != NULL);
		return NOT_OPEN;
	}
	if (what < 88) {
		check(dlsym(held->handle, "nothing") == NULL);
		check(dlerror() != NULL && dlerror() == NULL);
		return NO_SYMBOL;
	}
	if (what < 90) {
		if (add(&pages_grown, 1) < 500) {
			u32 before = __builtin_wasm_memory_grow(0, 1);
			check(before != (u32)-1);
			check(load((u32 *)(before * 65536)) == 0 && load((u32 *)(before * 65536 + 65532)) == 0);
		}
		return GROW;
	}
	if (what < 94) {
		check(use_table(value, add(&entries_grown, 1) < 5000) == value + 2);
		return TABLE;
	}
	if (what < 97) {
		check(start_thread(&worker->child, &worker->child_stack, child, worker) > 0);
		delay(seed);
		check(join(&worker->child) == 0);
		return SPAWN;
	}
	if (what < 98) {
		u32 objects = 0;
		check(dl_iterate_phdr(count_object, &objects) == 0 && objects >= 3);
		return WALK;
	}
	struct address address;
	check(dladdr((void *)held->value, &address) != 0 && address.symbol);
	return ADDRESS;
}

static int work(void *argument)
{
	struct worker *worker = argument;
	while (now() < last_moment) {
		add(&counts[operation(worker)], 1);
		delay(&worker->seed);
	}
	for (u32 i = 0; i < HELD; i++)
		if (worker->held[i].handle)
			check(dlclose(worker->held[i].handle) == 0);
	return 0;
}

static u32 next_number(void)
{
	u32 number = 0;
	for (u8 byte; (byte = next_byte()) >= '0' && byte <= '9';)
		number = number * 10 + byte - '0';
	return number;
}

int main(void)
{
	u64 seed = next_number();
	last_moment = now() + next_number() * (u64)MILLISECOND;
	for (u32 i = 0; i < WORKERS; i++) {
		struct worker *worker = &workers[i];
		worker->number = i;
		worker->seed = seed * WORKERS + i;
		for (u32 j = 0; j < LIBRARIES; j++)
			worker->own[j] = 1000 * j;
		check(start_thread(&worker->thread, &worker->stack, work, worker) > 0);
	}
	for (u32 i = 0; i < WORKERS; i++)
		check(join(&workers[i].thread) == 0);
	int all = 0;
	for (u32 i = 0; i < LIBRARIES; i++) {
		check(constructions[i] == finalisations[i]);
		check(dlopen(names[i], NOW | 4) == NULL);
		all += constructions[i];
	}
	u32 sum = 0;
	for (u32 i = 0; i < OPERATIONS; i++) {
		print("%s: %u\n", operations[i], counts[i]);
		sum += counts[i];
	}
	print("libraries loaded and unloaded: %d\n", all);
	print("%u operations\n", sum);
	return 0;
}
