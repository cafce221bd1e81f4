/* Barriers, many rounds of them: nobody is a round ahead, and one is told so. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 5, ROUNDS = 500 };

static pthread_barrier_t barrier;
static int at[THREADS];
static atomic_int ahead, told;

static void *walk(void *p)
{
	int me = (int)(long)p;
	for (int round = 0; round < ROUNDS; round++) {
		at[me] = round;
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			told++;
		for (int i = 0; i < THREADS; i++)
			if (at[i] != round)
				ahead++;
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void rounds(const char *name)
{
	pthread_t threads[THREADS];
	ahead = told = 0;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, walk, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%s: ahead %d, told %d\n", name, ahead, told);
	pthread_barrier_destroy(&barrier);
}

int main(void)
{
	pthread_barrierattr_t attr;
	pthread_barrier_init(&barrier, NULL, THREADS);
	rounds("private");
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&barrier, &attr, THREADS);
	rounds("shared");
	pthread_barrier_init(&barrier, NULL, 1);
	printf("alone %d\n", pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD);
	printf("of none %d\n", pthread_barrier_init(&barrier, NULL, 0) != 0);
	return 0;
}
