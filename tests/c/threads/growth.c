/* Four threads grow the memory at once and use what they got, while two others use
   whatever there is. */

#include "thread.h"

#define GROWERS 4
#define EACH 300
#define PAGE 65536u

static struct thread threads[GROWERS + 2];
static stack stacks[GROWERS + 2];
static u32 got[GROWERS][EACH];
static u32 grown[GROWERS], failed[GROWERS];
static u32 started, done;
static u32 first;

static int grow(void *argument)
{
	u32 thread = (u32)argument;
	add(&started, 1);
	while (load(&started) < GROWERS + 2)
		;
	for (u32 i = 0; i < EACH; i++) {
		u32 pages = 1 + i % 3;
		u32 before = __builtin_wasm_memory_grow(0, pages);
		if (before == (u32)-1) {
			failed[thread]++;
			continue;
		}
		got[thread][i] = before;
		grown[thread] += pages;
		check((u32)__builtin_wasm_memory_size(0) >= before + pages);
		/* It is nobody else's, and zero. Plain accesses, to both its ends. */
		volatile u32 *low = (u32 *)(before * PAGE);
		volatile u32 *high = (u32 *)((before + pages) * PAGE - 4);
		check(*low == 0 && *high == 0);
		*low = 1 + thread;
		*high = 1 + thread;
	}
	add(&done, 1);
	return 0;
}

/* Uses the newest page, by accesses of several kinds. */
static int look(void *argument)
{
	u32 looks = 0;
	add(&started, 1);
	while (load(&done) < GROWERS) {
		u32 size = __builtin_wasm_memory_size(0);
		u8 *page = (u8 *)((size - 1) * PAGE);
		check(load((u32 *)page) <= GROWERS);
		add((u32 *)(page + 8), 1);
		volatile u64 *end = (u64 *)(page + PAGE - 16);
		*end = looks;
		__builtin_memset(page + 64 + (u32)argument * 1024, looks, 1024);
		looks++;
	}
	return looks;
}

int main(void)
{
	first = __builtin_wasm_memory_size(0);
	for (u32 i = 0; i < GROWERS; i++)
		check(start_thread(&threads[i], &stacks[i], grow, (void *)i) > 0);
	for (u32 i = GROWERS; i < GROWERS + 2; i++)
		check(start_thread(&threads[i], &stacks[i], look, (void *)(i - GROWERS)) > 0);
	u32 sum = 0, failures = 0;
	for (u32 i = 0; i < GROWERS + 2; i++) {
		int result = join(&threads[i]);
		check(i < GROWERS ? result == 0 : result > 0);
	}
	static u8 owner[4096];
	for (u32 i = 0; i < GROWERS; i++) {
		sum += grown[i];
		failures += failed[i];
		for (u32 j = 0; j < EACH; j++)
			for (u32 page = 0; got[i][j] && page < 1 + j % 3; page++)
				check(owner[got[i][j] + page]++ == 0);
	}
	check(__builtin_wasm_memory_size(0) == first + sum);
	for (u32 page = 0; page < sum; page++)
		check(owner[first + page] == 1);
	if (failures == 0)
		print("%u pages in %u steps\n", sum, (u32)(GROWERS * EACH));
	else
		print("up to %u pages\n", (u32)__builtin_wasm_memory_size(0));
	return 0;
}
