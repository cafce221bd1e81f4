/* Constructors, while other threads open libraries. */

#include "thread.h"
#include "heap.h"

static struct thread threads[8];
static stack stacks[8];
static u32 constructed, opened_by_thread;
static int (*value)(void);

/* What a library's constructor calls. */
__attribute__((visibility("default"))) void constructor_begins(void) { add(&constructed, 1); }

__attribute__((visibility("default"))) void constructor_lasts(void)
{
	u32 nothing = 0;
	wait(&nothing, 0, 30 * MILLISECOND);
	add(&constructed, 100);
}

static int open_other(void *argument)
{
	(void)argument;
	void *library = opened("other.wat", NOW);
	value = symbol(library, "value");
	store(&opened_by_thread, 1);
	notify(&opened_by_thread, -1);
	return value();
}

/* Starts a thread that opens a library, and waits for it. */
__attribute__((visibility("default"))) void open_in_a_thread(void)
{
	check(start_thread(&threads[0], &stacks[0], open_other, NULL) > 0);
	while (!load(&opened_by_thread))
		wait(&opened_by_thread, 0, FOREVER);
	check(value() == 5);
	check(join(&threads[0]) == 5);
}

static struct barrier barrier;

static int open_slow(void *argument)
{
	(void)argument;
	meet(&barrier);
	void *library = opened("slow.wat", NOW);
	/* Whoever comes second gets it when its constructor is done. */
	check(load(&constructed) == 101);
	value = symbol(library, "value");
	int result = value();
	meet(&barrier);
	check(dlclose(library) == 0);
	return result;
}

static u32 finalising, finalised;

/* What a library's finaliser calls. */
__attribute__((visibility("default"))) void finaliser_lasts(void)
{
	u32 nothing = 0;
	if (add(&finalising, 1) == 0)
		wait(&nothing, 0, 30 * MILLISECOND);
	add(&finalised, 1);
}

/* Opens a library while another thread finalises it, or what it needs. */
static int open_again(void *name)
{
	while (!load(&finalising))
		yield();
	void *library = opened(name, NOW);
	/* It is a new one. */
	check(load(&finalised) == 1 && load(&constructed) == 2);
	value = symbol(library, "value");
	check(value() == 5);
	check(dlclose(library) == 0);
	check(load(&finalised) == 2);
	return 0;
}

/* Opens a library that needs one whose constructor another thread runs. */
static int open_needing(void *argument)
{
	(void)argument;
	while (!load(&constructed))
		yield();
	void *library = opened("needs_slow.wat", NOW);
	check(load(&constructed) == 101);
	check(dlclose(library) == 0);
	return 0;
}

static void beside_others(void)
{
	static char *const names[] = {"ends.wat", "needs_ends.wat"};
	for (u32 i = 0; i < 2; i++) {
		store(&constructed, 0);
		store(&finalising, 0);
		store(&finalised, 0);
		void *library = opened("ends.wat", NOW);
		check(start_thread(&threads[0], &stacks[0], open_again, names[i]) > 0);
		check(dlclose(library) == 0);
		check(join(&threads[0]) == 0);
	}
	store(&constructed, 0);
	check(start_thread(&threads[0], &stacks[0], open_needing, NULL) > 0);
	check(dlclose(opened("slow.wat", NOW)) == 0);
	check(join(&threads[0]) == 0);
}

int main(void)
{
	void *library = opened("starts.wat", NOW);
	value = symbol(library, "value");
	check(value() == 5);
	check(load(&constructed) == 1);

	for (u32 round = 0; round < 10; round++) {
		store(&constructed, 0);
		barrier.count = 8;
		for (u32 i = 0; i < 8; i++)
			check(start_thread(&threads[i], &stacks[i], open_slow, NULL) > 0);
		for (u32 i = 0; i < 8; i++)
			check(join(&threads[i]) == 5);
		check(dlopen("slow.wat", NOW | 4) == NULL);
		dlerror();
	}
	beside_others();
	print("constructed once\n");
	return 0;
}
