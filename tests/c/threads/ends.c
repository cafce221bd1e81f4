/* A program ends while its threads are at work, each at one of the things that take the
   runtime longest. From standard input: how it ends, 0: main returns, 1: a thread exits,
   2: a thread traps, 3: main exits. */

#include "thread.h"
#include "heap.h"

#define WORKERS 6

u32 catch(u32 value, u32 depth);

static struct thread threads[WORKERS + 1], children[WORKERS];
static stack stacks[WORKERS + 1], child_stacks[WORKERS];
static u32 begun[WORKERS];
static u32 word;

__attribute__((visibility("default"))) void they_go_on(void) {}

static int nothing(void *argument) { return (int)argument; }

static int work(void *argument)
{
	u32 kind = (u32)argument;
	for (u32 i = 0;; i++) {
		add(&begun[kind], 1);
		switch (kind) {
		case 0:
			dlclose(opened("new.wat", NOW));
			break;
		case 1:
			check(start_thread(&children[kind], &child_stacks[kind], nothing, NULL) > 0);
			check(join(&children[kind]) == 0);
			break;
		case 2:
			catch(i, i % 8);
			break;
		case 3:
			wait(&word, 0, MILLISECOND / 10);
			break;
		case 4:
			notify(&word, 1);
			if (i < 200)
				__builtin_wasm_memory_grow(0, 1);
			break;
		case 5:
			dlsym(opened("other.wat", LAZY), "nothing");
			dlerror();
			break;
		}
	}
}

static int end(void *argument)
{
	if ((u32)argument == 1)
		proc_exit(7);
	__builtin_trap();
}

int main(void)
{
	u32 how = next_byte() - '0';
	for (u32 i = 0; i < WORKERS; i++)
		check(start_thread(&threads[i], &stacks[i], work, (void *)i) > 0);
	for (u32 i = 0; i < WORKERS; i++)
		while (load(&begun[i]) < 3)
			yield();
	if (how == 0)
		return 0;
	if (how == 3)
		proc_exit(9);
	check(start_thread(&threads[WORKERS], &stacks[WORKERS], end, (void *)how) > 0);
	join(&threads[WORKERS]);
}
