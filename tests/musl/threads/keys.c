/* Thread-specific values and their destructors. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4 };

static pthread_key_t plain, freed, again, none;
static atomic_int destroyed, rounds, wrong;

static void destroy(void *p)
{
	if (pthread_getspecific(freed))
		wrong++;
	if (*(int *)p < 100)
		wrong++;
	free(p);
	destroyed++;
}

static void once_more(void *p)
{
	rounds++;
	pthread_setspecific(again, p);
}

static void *use(void *p)
{
	long me = (long)p;
	if (pthread_getspecific(plain) || pthread_getspecific(freed))
		wrong++;
	int *own = malloc(sizeof *own);
	*own = 100 + (int)me;
	pthread_setspecific(plain, (void *)(me + 1));
	pthread_setspecific(freed, own);
	pthread_setspecific(none, NULL);
	if (me == 1)
		pthread_setspecific(again, own);
	for (int i = 0; i < 1000; i++)
		if (pthread_getspecific(freed) != own || pthread_getspecific(plain) != (void *)(me + 1))
			wrong++;
	if (me % 2)
		pthread_exit(NULL);
	return NULL;
}

static void *reuse(void *p)
{
	return pthread_getspecific(*(pthread_key_t *)p);
}

int main(void)
{
	pthread_t threads[THREADS];
	pthread_key_create(&plain, NULL);
	pthread_key_create(&freed, destroy);
	pthread_key_create(&again, once_more);
	pthread_key_create(&none, destroy);
	pthread_setspecific(plain, "main's");
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, use, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("destroyed %d, wrong %d, rounds %d\n", destroyed, wrong, rounds);
	printf("%s\n", (char *)pthread_getspecific(plain));

	pthread_key_delete(plain);
	pthread_key_t key;
	pthread_key_create(&key, NULL);
	printf("new key holds %d\n", pthread_getspecific(key) != NULL);
	void *result;
	pthread_create(&threads[0], NULL, reuse, &key);
	pthread_join(threads[0], &result);
	printf("elsewhere %d\n", result != NULL);

	int made = 0, error;
	while (!(error = pthread_key_create(&key, NULL)))
		made++;
	printf("no more: %d, many %d\n", error == EAGAIN, made >= PTHREAD_KEYS_MAX - 8);
	return 0;
}
