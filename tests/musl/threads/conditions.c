/* Condition variables: signal, broadcast, time. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { THREADS = 6, ITEMS = 2000, ROOM = 8, TURNS = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t full = PTHREAD_COND_INITIALIZER, empty = PTHREAD_COND_INITIALIZER;
static int queue[ROOM], first, held;

static void put(int item)
{
	pthread_mutex_lock(&lock);
	while (held == ROOM)
		pthread_cond_wait(&empty, &lock);
	queue[(first + held++) % ROOM] = item;
	pthread_cond_signal(&full);
	pthread_mutex_unlock(&lock);
}

static int take(void)
{
	pthread_mutex_lock(&lock);
	while (!held)
		pthread_cond_wait(&full, &lock);
	int item = queue[first];
	first = (first + 1) % ROOM;
	held--;
	pthread_cond_signal(&empty);
	pthread_mutex_unlock(&lock);
	return item;
}

static void *produce(void *p)
{
	for (int i = 1; i <= ITEMS; i++)
		put(i);
	return p;
}

static void *consume(void *p)
{
	long sum = 0;
	int item;
	while ((item = take()))
		sum += item;
	(void)p;
	return (void *)sum;
}

static int turn, waiting, open_;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER, gate = PTHREAD_COND_INITIALIZER;

static void *alternate(void *p)
{
	int me = (int)(long)p, taken = 0;
	pthread_mutex_lock(&lock);
	while (turn < TURNS) {
		if (turn % THREADS == me) {
			turn++;
			taken++;
			pthread_cond_broadcast(&turned);
		} else {
			pthread_cond_wait(&turned, &lock);
		}
	}
	pthread_mutex_unlock(&lock);
	return (void *)(long)taken;
}

static void *pass(void *p)
{
	pthread_mutex_lock(&lock);
	waiting++;
	pthread_cond_signal(&full);
	while (!open_)
		pthread_cond_wait(&gate, &lock);
	waiting--;
	pthread_mutex_unlock(&lock);
	return p;
}

static void later(struct timespec *at, clockid_t clock, long ms)
{
	clock_gettime(clock, at);
	at->tv_sec += ms / 1000;
	at->tv_nsec += ms % 1000 * 1000000;
	at->tv_sec += at->tv_nsec / 1000000000;
	at->tv_nsec %= 1000000000;
}

static void timed(const char *name, pthread_cond_t *cond, clockid_t clock)
{
	struct timespec at, now;
	pthread_mutex_lock(&lock);
	later(&at, clock, 20);
	int error;
	while (!(error = pthread_cond_timedwait(cond, &lock, &at)));
	clock_gettime(clock, &now);
	int late = now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec);
	printf("%s: timed out %d, not before %d,", name, error == ETIMEDOUT, late);
	at.tv_sec -= 10;
	printf(" long ago %d,", pthread_cond_timedwait(cond, &lock, &at) == ETIMEDOUT);
	at.tv_nsec = 1000000000;
	printf(" no time %d\n", pthread_cond_timedwait(cond, &lock, &at) == EINVAL);
	pthread_mutex_unlock(&lock);
}

static void *signals(void *p)
{
	pthread_mutex_lock(&lock);
	open_ = 1;
	pthread_cond_signal(p);
	pthread_mutex_unlock(&lock);
	return NULL;
}

int main(void)
{
	pthread_t producers[2], consumers[3], threads[THREADS];
	void *result;
	long sum = 0;

	for (int i = 0; i < 3; i++)
		pthread_create(&consumers[i], NULL, consume, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&producers[i], NULL, produce, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(producers[i], NULL);
	for (int i = 0; i < 3; i++)
		put(0);
	for (int i = 0; i < 3; i++) {
		pthread_join(consumers[i], &result);
		sum += (long)result;
	}
	printf("taken %ld of %d\n", sum, ITEMS * (ITEMS + 1));

	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, alternate, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		printf("turns of %d: %ld\n", i, (long)result);
	}

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, pass, NULL);
	pthread_mutex_lock(&lock);
	while (waiting < THREADS)
		pthread_cond_wait(&full, &lock);
	open_ = 1;
	pthread_cond_broadcast(&gate);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("left waiting %d\n", waiting);

	timed("real time", &turned, CLOCK_REALTIME);
	pthread_condattr_t attr;
	pthread_cond_t cond;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cond, &attr);
	timed("monotonic", &cond, CLOCK_MONOTONIC);
	pthread_cond_destroy(&cond);
	pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&cond, &attr);
	timed("shared", &cond, CLOCK_MONOTONIC);

	struct timespec at;
	int error = 0;
	open_ = 0;
	pthread_mutex_lock(&lock);
	pthread_create(&threads[0], NULL, signals, &cond);
	later(&at, CLOCK_MONOTONIC, 60000);
	while (!open_ && !error)
		error = pthread_cond_timedwait(&cond, &lock, &at);
	pthread_mutex_unlock(&lock);
	pthread_join(threads[0], NULL);
	printf("in time %d\n", error);
	pthread_cond_destroy(&cond);
	pthread_condattr_destroy(&attr);
	return 0;
}
