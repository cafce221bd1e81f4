/* Many threads at once. With an argument: how many can be made, and what is
   said when there can be no more. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 200, MOST = 2000 };

static pthread_t threads[MOST];
static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static atomic_int here;
static int go;
static __thread int own;

static int deep(int n)
{
	volatile char room[100];
	room[n % 100] = 1;
	return n ? deep(n - 1) + room[n % 100] : own;
}

static void *meet(void *p)
{
	own = (int)(long)p;
	here++;
	pthread_barrier_wait(&barrier);
	long sum = here == MANY ? deep(300) : -1000000;
	pthread_barrier_wait(&barrier);
	return (void *)sum;
}

static void *wait_(void *p)
{
	pthread_mutex_lock(&lock);
	while (!go)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	return p;
}

static int as_many_as_can_be(void)
{
	int made = 0, error = 0;
	while (made < MOST && !(error = pthread_create(&threads[made], NULL, wait_, NULL)))
		made++;
	printf("made %d, %s\n", made, error == EAGAIN ? "EAGAIN" : strerror(error));
	pthread_mutex_lock(&lock);
	go = 1;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
	return made;
}

int main(int argc, char **argv)
{
	long sum = 0;
	void *result;
	(void)argv;
	if (argc > 1) {
		for (int round = 0; round < 3; round++) {
			int made = as_many_as_can_be();
			for (int i = 0; i < made; i++)
				pthread_join(threads[i], NULL);
			go = 0;
		}
		return 0;
	}
	for (int round = 0; round < 2; round++) {
		here = 0;
		pthread_barrier_init(&barrier, NULL, MANY);
		for (long i = 0; i < MANY; i++)
			if (pthread_create(&threads[i], NULL, meet, (void *)i))
				return 1;
		for (int i = 0; i < MANY; i++) {
			pthread_join(threads[i], &result);
			sum += (long)result;
		}
		pthread_barrier_destroy(&barrier);
		printf("met %d, sum %ld\n", here, sum);
	}
	return 0;
}
