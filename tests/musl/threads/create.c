/* Threads are made, joined, detached; each has an identity and a result. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 20 };

static void *square(void *p)
{
	long n = (long)p;
	return (void *)(n * n);
}

static void *leave(void *p)
{
	if (p)
		pthread_exit(p);
	return "not reached by the one that leaves";
}

static pthread_t seen;

static void *who(void *p)
{
	seen = pthread_self();
	return p;
}

static int ended;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void *detached(void *p)
{
	if (p)
		pthread_detach(pthread_self());
	pthread_mutex_lock(&lock);
	ended++;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static const volatile char *lowest;

static void *deep(void *p)
{
	volatile char room[1024];
	long n = (long)p;
	room[512] = (char)n;
	lowest = room;
	long below = n ? (long)deep((void *)(n - 1)) : 0;
	return (void *)(below + room[512]);
}

static void *child(void *p)
{
	pthread_t thread;
	void *result;
	long n = (long)p;
	if (!n)
		return (void *)1;
	if (pthread_create(&thread, NULL, child, (void *)(n - 1)))
		return NULL;
	pthread_join(thread, &result);
	return (void *)(2 * (long)result);
}

int main(void)
{
	pthread_t threads[MANY];
	pthread_attr_t attr;
	void *result;
	long sum = 0;
	int i;

	for (i = 0; i < MANY; i++)
		if (pthread_create(&threads[i], NULL, square, (void *)(long)i))
			return 1;
	for (i = 0; i < MANY; i++) {
		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	printf("squares %ld\n", sum);

	pthread_create(&threads[0], NULL, leave, "left");
	pthread_join(threads[0], &result);
	printf("%s\n", (char *)result);

	pthread_create(&threads[0], NULL, who, "who");
	pthread_join(threads[0], &result);
	printf("%s is itself %d, is main %d\n", (char *)result,
		pthread_equal(seen, threads[0]) != 0, pthread_equal(seen, pthread_self()) != 0);

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (i = 0; i < MANY; i++) {
		int made = pthread_create(&threads[i], i % 3 ? NULL : &attr, detached, i % 3 == 1 ? "" : NULL);
		if (made)
			return 1;
		if (i % 3 == 2)
			pthread_detach(threads[i]);
	}
	pthread_mutex_lock(&lock);
	while (ended < MANY)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	printf("detached %d\n", ended);
	pthread_attr_destroy(&attr);

	size_t size;
	pthread_attr_init(&attr);
	printf("small %d\n", pthread_attr_setstacksize(&attr, 16) == EINVAL);
	pthread_attr_setstacksize(&attr, 1 << 20);
	pthread_attr_getstacksize(&attr, &size);
	printf("stack %zu\n", size);
	pthread_create(&threads[0], &attr, deep, (void *)100);
	pthread_join(threads[0], &result);
	printf("deep %ld\n", (long)result);
	pthread_attr_destroy(&attr);

	static char own[1 << 18];
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, own, sizeof own);
	pthread_create(&threads[0], &attr, deep, (void *)50);
	pthread_join(threads[0], &result);
	printf("own stack %ld, used %d\n", (long)result,
		lowest >= own && lowest < own + sizeof own - 50 * 1024);
	pthread_attr_destroy(&attr);

	printf("chain %ld\n", (long)child((void *)10));

	/* One after the other: what a thread used is used again. */
	for (sum = i = 0; i < 300; i++) {
		if (pthread_create(&threads[0], NULL, square, (void *)(long)i))
			return 1;
		pthread_join(threads[0], &result);
		sum += (long)result;
	}
	printf("again %ld\n", sum);
	fflush(stdout);
	pthread_create(&threads[0], NULL, square, (void *)3L);
	pthread_exit(NULL);
}
