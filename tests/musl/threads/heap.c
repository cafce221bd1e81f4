/* The heap, used by many threads at once; what one gets another gives back. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 6, ROUNDS = 4000, KEPT = 64, BELT = 32 };

static long wrong;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;

static unsigned random_(unsigned *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static int whole(const unsigned char *block, size_t size, int mark)
{
	for (size_t i = 0; i < size; i++)
		if (block[i] != mark)
			return 0;
	return 1;
}

static void *churn(void *p)
{
	unsigned state = 12345 + (unsigned)(long)p;
	unsigned char *blocks[KEPT] = {0};
	size_t sizes[KEPT] = {0};
	long bad = 0;
	int mark = 1 + (int)(long)p;
	for (int i = 0; i < ROUNDS; i++) {
		int at = random_(&state) % KEPT;
		size_t size = random_(&state) % (i % 50 ? 600 : 200000) + 1;
		bad += !whole(blocks[at], sizes[at], mark);
		if (i % 3 && blocks[at]) {
			size_t same = size < sizes[at] ? size : sizes[at];
			blocks[at] = realloc(blocks[at], size);
			bad += !whole(blocks[at], same, mark);
		} else {
			free(blocks[at]);
			blocks[at] = i % 2 ? malloc(size) : calloc(1, size);
			bad += i % 2 == 0 && !whole(blocks[at], size, 0);
		}
		bad += (uintptr_t)blocks[at] % 16 != 0;
		memset(blocks[at], mark, size);
		sizes[at] = size;
	}
	for (int i = 0; i < KEPT; i++) {
		bad += !whole(blocks[i], sizes[i], mark);
		free(blocks[i]);
	}
	pthread_mutex_lock(&lock);
	wrong += bad;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int *belt[BELT];
static int first, held;

static void *give(void *p)
{
	for (int i = 0; i < ROUNDS; i++) {
		int *block = malloc(sizeof *block * (1 + i % 40));
		*block = i;
		pthread_mutex_lock(&lock);
		while (held == BELT)
			pthread_cond_wait(&moved, &lock);
		belt[(first + held++) % BELT] = block;
		pthread_cond_broadcast(&moved);
		pthread_mutex_unlock(&lock);
	}
	return p;
}

static void *take(void *p)
{
	long sum = 0;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		while (!held)
			pthread_cond_wait(&moved, &lock);
		int *block = belt[first];
		first = (first + 1) % BELT;
		held--;
		pthread_cond_broadcast(&moved);
		pthread_mutex_unlock(&lock);
		sum += *block;
		free(block);
	}
	(void)p;
	return (void *)sum;
}

int main(void)
{
	pthread_t threads[THREADS];
	void *result;
	long sum = 0;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, churn, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("wrong %ld\n", wrong);

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, i % 2 ? take : give, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	printf("moved %ld\n", sum);
	return 0;
}
