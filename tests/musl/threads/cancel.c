/* Threads that are cancelled, where they are to be. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static sem_t ready, go;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static char log_[256];
static int logged;

static void note(void *p)
{
	logged += snprintf(log_ + logged, sizeof log_ - logged, " %s", (char *)p);
}

static void unlock(void *mutex)
{
	/* It is ours again when the handler runs. */
	note(pthread_mutex_trylock(mutex) == EBUSY ? "locked" : "not locked");
	pthread_mutex_unlock(mutex);
}

static void *sleeps(void *p)
{
	pthread_cleanup_push(note, "outer");
	pthread_cleanup_push(note, "inner");
	sem_post(&ready);
	for (;;)
		sleep(1000);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return p;
}

static void *waits(void *p)
{
	pthread_mutex_lock(&lock);
	pthread_cleanup_push(unlock, &lock);
	sem_post(&ready);
	for (;;)
		pthread_cond_wait(&cond, &lock);
	pthread_cleanup_pop(0);
	return p;
}

static void *waits_some_time(void *p)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 1000;
	pthread_mutex_lock(&lock);
	pthread_cleanup_push(unlock, &lock);
	sem_post(&ready);
	for (;;)
		pthread_cond_timedwait(&cond, &lock, &at);
	pthread_cleanup_pop(0);
	return p;
}

static void *takes(void *p)
{
	pthread_cleanup_push(note, "taking");
	sem_post(&ready);
	for (;;)
		sem_wait(&go);
	pthread_cleanup_pop(0);
	return p;
}

static void *polls(void *p)
{
	pthread_cleanup_push(note, "polling");
	sem_post(&ready);
	for (;;)
		poll(NULL, 0, -1);
	pthread_cleanup_pop(0);
	return p;
}

static void *joins(void *p)
{
	pthread_t thread;
	void *result;
	pthread_create(&thread, NULL, sleeps, NULL);
	pthread_cleanup_push(note, "joining");
	pthread_join(thread, &result);
	pthread_cleanup_pop(0);
	return p;
}

/* Computes, and looks at times. */
static void *computes(void *p)
{
	pthread_cleanup_push(note, "computing");
	sem_post(&ready);
	for (volatile unsigned i = 0;; i++)
		if (i % 1000 == 0)
			pthread_testcancel();
	pthread_cleanup_pop(0);
	return p;
}

/* Disables it, and is cancelled when it enables it again. */
static void *disables(void *p)
{
	int old;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	note(old == PTHREAD_CANCEL_ENABLE ? "was enabled" : "was disabled");
	sem_post(&ready);
	sem_wait(&go);
	pthread_testcancel();
	struct timespec some = {0, 5000000}, rest = {0, 0};
	note(nanosleep(&some, &rest) ? "woken" : "slept");
	pthread_mutex_lock(&lock);
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	note(pthread_cond_timedwait(&cond, &lock, &at) == ETIMEDOUT ? "timed out" : "cancelled");
	pthread_mutex_unlock(&lock);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	pthread_testcancel();
	note("not reached");
	return p;
}

/* Is cancelled before it comes to a point. */
static void *late(void *p)
{
	pthread_cleanup_push(note, "late");
	sem_post(&ready);
	for (volatile long i = 0; i < 20000000; i++);
	usleep(1000000000);
	pthread_cleanup_pop(0);
	return p;
}

static void *cancels_itself(void *p)
{
	pthread_cancel(pthread_self());
	note("still there");
	pthread_cleanup_push(note, "itself");
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return p;
}

static void destroy(void *p)
{
	note(p);
}

static pthread_key_t key;

/* What is done at the end may block, and is not cancelled again. */
static void rest(void *p)
{
	struct timespec some = {0, 5000000};
	note(nanosleep(&some, NULL) ? "disturbed" : "undisturbed");
	pthread_testcancel();
	note(p);
}

static void *ends(void *p)
{
	pthread_setspecific(key, "destroyed");
	pthread_cleanup_push(rest, "rested");
	sem_post(&ready);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return p;
}

static void *popped(void *p)
{
	pthread_cleanup_push(note, "never");
	pthread_cleanup_push(note, "at once");
	pthread_cleanup_pop(1);
	pthread_cleanup_push(note, "at exit");
	pthread_cleanup_push(note, "first at exit");
	pthread_exit("value");
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return p;
}

static void cancel(const char *name, void *(*work)(void *), int wait, int pause)
{
	pthread_t thread;
	void *result;
	logged = 0;
	log_[0] = 0;
	if (pthread_create(&thread, NULL, work, NULL))
		exit(1);
	if (wait)
		sem_wait(&ready);
	if (pause)
		usleep(20000);
	if (wait) {
		pthread_cancel(thread);
		sem_post(&go);
	}
	pthread_join(thread, &result);
	while (!sem_trywait(&go));
	printf("%s:%s;", name, log_);
	if (result == PTHREAD_CANCELED)
		printf(" cancelled\n");
	else
		printf(" %s\n", result ? (char *)result : "null");
}

int main(void)
{
	int old;
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	pthread_key_create(&key, destroy);
	/* With time to block, and without. */
	for (int pause = 0; pause < 2; pause++) {
		cancel("sleeps", sleeps, 1, pause);
		cancel("waits", waits, 1, pause);
		cancel("waits some time", waits_some_time, 1, pause);
		cancel("takes", takes, 1, pause);
		cancel("polls", polls, 1, pause);
		cancel("joins", joins, 1, pause);
		cancel("computes", computes, 1, pause);
		cancel("disables", disables, 1, 0);
		cancel("late", late, 1, 0);
		cancel("ends", ends, 1, pause);
	}
	for (int i = 0; i < 50; i++)
		cancel("again", sleeps, 1, 0);
	cancel("itself", cancels_itself, 0, 0);
	cancel("pops", popped, 0, 0);
	printf("state %d %d\n", pthread_setcancelstate(77, NULL) == EINVAL,
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
	printf("type %d", pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old));
	printf(" %d\n", old == PTHREAD_CANCEL_DEFERRED);
	return 0;
}
