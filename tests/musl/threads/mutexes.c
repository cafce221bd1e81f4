/* Each kind of mutex: what it excludes, and what it answers. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 5000 };

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t *shared;
static long count;
static int depth;

static void *add(void *p)
{
	(void)p;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(shared);
		long seen = count;
		if (i % 64 == 0)
			for (volatile int wait = 0; wait < 100; wait++);
		count = seen + 1;
		pthread_mutex_unlock(shared);
	}
	return NULL;
}

static void *try(void *p)
{
	for (int i = 0; i < ROUNDS; i++) {
		while (pthread_mutex_trylock(p));
		count++;
		pthread_mutex_unlock(p);
	}
	return NULL;
}

static void many(const char *name, void *(*work)(void *), pthread_mutex_t *mutex)
{
	pthread_t threads[THREADS];
	shared = mutex;
	count = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, mutex);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%s counts %ld\n", name, count);
}

static const char *name(int error)
{
	switch (error) {
	case 0: return "0";
	case EBUSY: return "EBUSY";
	case EDEADLK: return "EDEADLK";
	case EINVAL: return "EINVAL";
	case ENOTRECOVERABLE: return "ENOTRECOVERABLE";
	case EOWNERDEAD: return "EOWNERDEAD";
	case EPERM: return "EPERM";
	case ETIMEDOUT: return "ETIMEDOUT";
	}
	return "another";
}

/* What another thread is told. */
static void *other_tries(void *mutex)
{
	int error = pthread_mutex_trylock(mutex);
	if (!error)
		pthread_mutex_unlock(mutex);
	return (void *)(long)error;
}

static void *other_unlocks(void *mutex)
{
	return (void *)(long)pthread_mutex_unlock(mutex);
}

static void *other_waits(void *mutex)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += 20 * 1000 * 1000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	struct timespec begun, now;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	int error = pthread_mutex_timedlock(mutex, &at);
	clock_gettime(CLOCK_MONOTONIC, &now);
	long passed = (now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000;
	if (error == ETIMEDOUT && passed < 15)
		return (void *)-1L;
	if (!error)
		pthread_mutex_unlock(mutex);
	return (void *)(long)error;
}

static void *other_dies(void *mutex)
{
	return (void *)(long)pthread_mutex_lock(mutex);
}

static const char *ask(void *(*what)(void *), pthread_mutex_t *mutex)
{
	pthread_t thread;
	void *result;
	pthread_create(&thread, NULL, what, mutex);
	pthread_join(thread, &result);
	return name((long)result);
}

static void *recurse(void *p)
{
	if (pthread_mutex_lock(p) == 0) {
		if (++depth % 10)
			recurse(p);
		pthread_mutex_unlock(p);
	}
	return NULL;
}

static void robust(int shared_by_processes)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t mutex;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (shared_by_processes)
		pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&mutex, &attr);
	printf("robust: dies with %s,", ask(other_dies, &mutex));
	printf(" then %s,", name(pthread_mutex_lock(&mutex)));
	printf(" consistent %s,", name(pthread_mutex_consistent(&mutex)));
	printf(" unlock %s,", name(pthread_mutex_unlock(&mutex)));
	printf(" lock %s,", name(pthread_mutex_lock(&mutex)));
	printf(" unlock %s\n", name(pthread_mutex_unlock(&mutex)));
	printf("not mended: dies with %s,", ask(other_dies, &mutex));
	printf(" then %s,", name(pthread_mutex_trylock(&mutex)));
	printf(" unlock %s,", name(pthread_mutex_unlock(&mutex)));
	printf(" lock %s,", name(pthread_mutex_lock(&mutex)));
	printf(" other %s\n", ask(other_tries, &mutex));
	pthread_mutex_destroy(&mutex);
	pthread_mutexattr_destroy(&attr);
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t mutex;
	int kind;

	many("static", add, &plain);
	many("trying", try, &plain);
	pthread_mutex_lock(&plain);
	printf("normal: try %s, other tries %s, other waits %s\n", name(pthread_mutex_trylock(&plain)),
		ask(other_tries, &plain), ask(other_waits, &plain));
	pthread_mutex_unlock(&plain);
	printf("free: other tries %s, waits %s\n", ask(other_tries, &plain), ask(other_waits, &plain));

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_gettype(&attr, &kind);
	printf("default is normal %d\n", kind == PTHREAD_MUTEX_NORMAL);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&mutex, &attr);
	many("recursive", add, &mutex);
	many("again", recurse, &mutex);
	printf("depth %d\n", depth);
	pthread_mutex_lock(&mutex);
	printf("recursive: lock %s, try %s, other tries %s\n", name(pthread_mutex_lock(&mutex)),
		name(pthread_mutex_trylock(&mutex)), ask(other_tries, &mutex));
	pthread_mutex_unlock(&mutex);
	pthread_mutex_unlock(&mutex);
	printf("still: other tries %s, other unlocks %s\n", ask(other_tries, &mutex), ask(other_unlocks, &mutex));
	pthread_mutex_unlock(&mutex);
	printf("free: other tries %s, unlock %s\n", ask(other_tries, &mutex), name(pthread_mutex_unlock(&mutex)));
	pthread_mutex_destroy(&mutex);

	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&mutex, &attr);
	many("checking", add, &mutex);
	printf("checking: unlock %s,", name(pthread_mutex_unlock(&mutex)));
	printf(" lock %s,", name(pthread_mutex_lock(&mutex)));
	printf(" lock %s,", name(pthread_mutex_lock(&mutex)));
	printf(" try %s,", name(pthread_mutex_trylock(&mutex)));
	printf(" other unlocks %s,", ask(other_unlocks, &mutex));
	printf(" other waits %s,", ask(other_waits, &mutex));
	printf(" unlock %s\n", name(pthread_mutex_unlock(&mutex)));
	pthread_mutex_destroy(&mutex);
	printf("no such kind: %s\n", name(pthread_mutexattr_settype(&attr, 77)));
	pthread_mutexattr_destroy(&attr);

	pthread_mutexattr_init(&attr);
	printf("shared: %s\n", name(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED)));
	pthread_mutex_init(&mutex, &attr);
	many("shared", add, &mutex);
	pthread_mutex_destroy(&mutex);
	pthread_mutexattr_destroy(&attr);

	robust(0);
	robust(1);
	return 0;
}
