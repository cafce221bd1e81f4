/* errno is a thread's own, and so are the places of strtok_r and the like. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 2000 };

static pthread_barrier_t barrier;
static int *places[THREADS];

static void *fail(void *p)
{
	int me = (int)(long)p;
	long wrong = errno != 0;
	places[me] = &errno;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ROUNDS; i++) {
		int expected;
		switch ((me + i) % 4) {
		case 0:
			close(-1);
			expected = EBADF;
			break;
		case 1:
			open("/no/such/file", O_RDONLY);
			expected = ENOENT;
			break;
		case 2:
			strtol("99999999999999999999999", NULL, 10);
			expected = ERANGE;
			break;
		default:
			lseek(-2, 0, SEEK_SET);
			expected = EBADF;
		}
		wrong += errno != expected;
		if (i % 100 == 0)
			pthread_barrier_wait(&barrier);
		wrong += errno != expected;
	}
	return (void *)wrong;
}

static void *split(void *p)
{
	char text[64], *place, *word;
	long sum = 0;
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "%ld %d,%d", (long)p, i, i * 2);
		for (word = strtok_r(text, " ,", &place); word; word = strtok_r(NULL, " ,", &place))
			sum += strtol(word, NULL, 10);
	}
	return (void *)sum;
}

static int ascending(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static void *sort(void *p)
{
	int numbers[500];
	unsigned state = 1 + (unsigned)(long)p;
	long sum = 0;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 500; i++)
			numbers[i] = rand_r(&state) % 1000;
		qsort(numbers, 500, sizeof *numbers, ascending);
		for (int i = 1; i < 500; i++)
			sum += numbers[i - 1] > numbers[i];
		sum += 1 + (lround(sin(round) * 100) != lround(100 * sin(round)));
	}
	return (void *)sum;
}

static void all(const char *name, void *(*work)(void *))
{
	pthread_t threads[THREADS];
	void *result;
	printf("%s:", name);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		printf(" %ld", (long)result);
	}
	printf("\n");
}

int main(void)
{
	pthread_barrier_init(&barrier, NULL, THREADS);
	errno = 77;
	all("wrong", fail);
	printf("main's %d\n", errno);
	int same = 0;
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < i; j++)
			same += places[i] == places[j];
	printf("same places %d\n", same);
	all("split", split);
	all("sorted", sort);
	return 0;
}
