/* A thread ends the program while others run, wait and hold locks. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;

static void at_exit(void)
{
	printf("at exit\n");
}

static void *runs(void *p)
{
	pthread_barrier_wait(&barrier);
	for (volatile long i = 0;; i++);
	return p;
}

static void *waits(void *p)
{
	pthread_barrier_wait(&barrier);
	pthread_mutex_lock(&lock);
	for (;;)
		pthread_cond_wait(&cond, &lock);
	return p;
}

static void *sleeps(void *p)
{
	pthread_barrier_wait(&barrier);
	for (;;)
		sleep(1000);
	return p;
}

static void *ends(void *p)
{
	pthread_barrier_wait(&barrier);
	printf("not flushed yet,");
	exit(41 + *(int *)p);
}

int main(void)
{
	pthread_t thread;
	int number = 1;
	atexit(at_exit);
	pthread_barrier_init(&barrier, NULL, 5);
	pthread_create(&thread, NULL, runs, NULL);
	pthread_create(&thread, NULL, waits, NULL);
	pthread_create(&thread, NULL, sleeps, NULL);
	pthread_create(&thread, NULL, ends, &number);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	printf("not reached\n");
	return 1;
}
