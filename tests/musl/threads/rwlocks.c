/* Locks for readers and writers. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { READERS = 4, WRITERS = 3, ROUNDS = 2000 };

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static int pair[2];

static void *read_together(void *p)
{
	pthread_rwlock_rdlock(&lock);
	/* Passed by all at once, or never. */
	pthread_barrier_wait(&barrier);
	pthread_rwlock_unlock(&lock);
	return p;
}

static void *read_pairs(void *p)
{
	long torn = 0;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_rwlock_rdlock(&lock);
		torn += pair[0] != pair[1];
		pthread_rwlock_unlock(&lock);
	}
	(void)p;
	return (void *)torn;
}

static void *write_pairs(void *p)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_rwlock_wrlock(&lock);
		pair[0]++;
		for (volatile int wait = 0; wait < 10; wait++);
		pair[1]++;
		pthread_rwlock_unlock(&lock);
	}
	(void)p;
	return NULL;
}

static const char *name(int error)
{
	switch (error) {
	case 0: return "0";
	case EBUSY: return "EBUSY";
	case ETIMEDOUT: return "ETIMEDOUT";
	}
	return "another";
}

static int unlocked(int error)
{
	if (!error)
		pthread_rwlock_unlock(&lock);
	return error;
}

static void *ask(void *p)
{
	struct timespec at;
	printf("other: read %s,", name(unlocked(pthread_rwlock_tryrdlock(&lock))));
	printf(" write %s,", name(unlocked(pthread_rwlock_trywrlock(&lock))));
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += *(int *)p;
	printf(" read in time %s,", name(unlocked(pthread_rwlock_timedrdlock(&lock, &at))));
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += 10000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	printf(" write in time %s\n", name(unlocked(pthread_rwlock_timedwrlock(&lock, &at))));
	return NULL;
}

static void let_ask(int seconds)
{
	pthread_t thread;
	pthread_create(&thread, NULL, ask, &seconds);
	pthread_join(thread, NULL);
}

int main(void)
{
	pthread_t readers[READERS], writers[WRITERS];
	void *result;
	long torn = 0;

	pthread_barrier_init(&barrier, NULL, READERS);
	for (int i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, read_together, NULL);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	printf("read together\n");

	for (int i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, read_pairs, NULL);
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&writers[i], NULL, write_pairs, NULL);
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i], &result);
		torn += (long)result;
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	printf("torn %ld, pair %d %d\n", torn, pair[0], pair[1]);

	printf("free\n");
	let_ask(10);
	pthread_rwlock_rdlock(&lock);
	pthread_rwlock_rdlock(&lock);
	printf("read, and again; write %s\n", name(pthread_rwlock_trywrlock(&lock)));
	let_ask(10);
	pthread_rwlock_unlock(&lock);
	pthread_rwlock_unlock(&lock);
	pthread_rwlock_wrlock(&lock);
	printf("written; read %s, write %s\n", name(pthread_rwlock_tryrdlock(&lock)),
		name(pthread_rwlock_trywrlock(&lock)));
	let_ask(-1);
	pthread_rwlock_unlock(&lock);
	pthread_rwlock_destroy(&lock);

	pthread_rwlockattr_t attr;
	int shared;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_rwlockattr_getpshared(&attr, &shared);
	pthread_rwlock_init(&lock, &attr);
	printf("shared %d\n", shared == PTHREAD_PROCESS_SHARED);
	let_ask(10);
	return 0;
}
