/* The threads of C11. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 2000 };

static mtx_t lock, recursive, timed;
static cnd_t cond;
static once_flag flag = ONCE_FLAG_INIT;
static tss_t key;
static int count, onces, here;
static atomic_int destroyed;
static _Thread_local int own = 5;

static void once(void)
{
	onces++;
}

static void destroy(void *p)
{
	destroyed += *(int *)p;
	free(p);
}

static int work(void *p)
{
	int me = *(int *)p;
	int *value = malloc(sizeof *value);
	*value = 1 << me;
	call_once(&flag, once);
	tss_set(key, value);
	for (int i = 0; i < ROUNDS; i++) {
		mtx_lock(&lock);
		count++;
		mtx_unlock(&lock);
		mtx_lock(&recursive);
		mtx_lock(&recursive);
		own++;
		mtx_unlock(&recursive);
		mtx_unlock(&recursive);
	}
	if (tss_get(key) != value || own != 5 + ROUNDS)
		return -1;
	mtx_lock(&lock);
	here++;
	cnd_broadcast(&cond);
	while (here < THREADS)
		cnd_wait(&cond, &lock);
	mtx_unlock(&lock);
	if (me % 2)
		thrd_exit(me * 10);
	return me * 10;
}

static int waits(void *p)
{
	struct timespec at;
	(void)p;
	timespec_get(&at, TIME_UTC);
	at.tv_nsec += 20000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	int error = mtx_timedlock(&timed, &at);
	return error == thrd_timedout ? 1 : error == thrd_success ? 2 : 3;
}

static int one(int (*what)(void *))
{
	thrd_t thread;
	int result;
	thrd_create(&thread, what, NULL);
	thrd_join(thread, &result);
	return result;
}

int main(void)
{
	thrd_t threads[THREADS];
	int numbers[THREADS], result;
	mtx_init(&lock, mtx_plain);
	mtx_init(&recursive, mtx_plain | mtx_recursive);
	mtx_init(&timed, mtx_timed);
	cnd_init(&cond);
	tss_create(&key, destroy);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (thrd_create(&threads[i], work, &numbers[i]) != thrd_success)
			return 1;
	}
	for (int i = 0; i < THREADS; i++) {
		thrd_join(threads[i], &result);
		printf("%d gave %d\n", i, result);
	}
	printf("count %d, once %d, destroyed %d, own %d\n", count, onces, destroyed, own);
	mtx_lock(&timed);
	printf("waits %d", one(waits));
	printf(" try %d", mtx_trylock(&timed) == thrd_busy);
	mtx_unlock(&timed);
	printf(" free %d\n", one(waits));
	thrd_sleep(&(struct timespec){0, 1000000}, NULL);
	thrd_yield();
	printf("same %d\n", thrd_equal(thrd_current(), threads[0]) != 0);
	return 0;
}
