/* Semaphores. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { THREADS = 5, ROUNDS = 1000, ROOM = 2 };

static sem_t room, ping, pong, start;
static atomic_int inside, most, entered;

static void *enter(void *p)
{
	sem_wait(&start);
	for (int i = 0; i < ROUNDS; i++) {
		sem_wait(&room);
		int now = ++inside, old = most;
		while (old < now && !atomic_compare_exchange_weak(&most, &old, now));
		entered++;
		inside--;
		sem_post(&room);
	}
	return p;
}

static int ball;

static void *play(void *p)
{
	for (int i = 0; i < ROUNDS; i++) {
		sem_wait(&ping);
		ball = 3 * ball % 10007;
		sem_post(&pong);
	}
	return p;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct timespec at;
	int value;

	sem_init(&room, 0, ROOM);
	sem_init(&start, 0, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, enter, NULL);
	for (int i = 0; i < THREADS; i++)
		sem_post(&start);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	sem_getvalue(&room, &value);
	printf("entered %d, too many %d, room %d\n", entered, most > ROOM, value);

	sem_init(&ping, 1, 0);
	sem_init(&pong, 1, 0);
	pthread_create(&threads[0], NULL, play, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		ball += i;
		sem_post(&ping);
		sem_wait(&pong);
	}
	pthread_join(threads[0], NULL);
	printf("ball %d\n", ball);

	int answer = sem_trywait(&ping);
	printf("try %d %d\n", answer, errno == EAGAIN);
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += 20000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	answer = sem_timedwait(&ping, &at);
	printf("timed %d %d\n", answer, errno == ETIMEDOUT);
	sem_post(&ping);
	printf("posted %d\n", sem_timedwait(&ping, &at));
	sem_destroy(&ping);
	sem_destroy(&pong);
	return 0;
}
