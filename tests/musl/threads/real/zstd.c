/* zstd with threads of its own, and in threads of ours. With the arguments
   `WORKERS MEBIBYTES`: how long one compression takes, in microseconds. */

#define ZSTD_STATIC_LINKING_ONLY
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "../../../c/real/generate.h"
#include "zstd.h"

enum { SIZE = 6 << 20, THREADS = 4, PART = SIZE / THREADS };

static char *text;

static unsigned checksum(const char *bytes, size_t size)
{
	unsigned sum = 2166136261u;
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ (unsigned char)bytes[i]) * 16777619u;
	return sum;
}

static ZSTD_CCtx *context(int workers, int level)
{
	ZSTD_CCtx *made = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(made, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(made, ZSTD_c_checksumFlag, 1);
	size_t error = ZSTD_CCtx_setParameter(made, ZSTD_c_nbWorkers, workers);
	ZSTD_CCtx_setParameter(made, ZSTD_c_jobSize, 1 << 19);
	if (ZSTD_isError(error)) {
		printf("%d workers: %s\n", workers, ZSTD_getErrorName(error));
		exit(1);
	}
	return made;
}

static void whole(int workers, int level)
{
	size_t bound = ZSTD_compressBound(SIZE);
	char *packed = malloc(bound), *back = malloc(SIZE);
	ZSTD_CCtx *compress = context(workers, level);
	for (int round = 0; round < 2; round++) {
		size_t size = ZSTD_compress2(compress, packed, bound, text, SIZE);
		size_t restored = ZSTD_decompress(back, SIZE, packed, size);
		printf("level %d, %d workers: %zu %08x %s\n", level, workers, size, checksum(packed, size),
			restored == SIZE && !memcmp(text, back, SIZE) ? "same" : "DIFFERS");
	}
	ZSTD_freeCCtx(compress);
	free(packed);
	free(back);
}

/* As a stream, in pieces that fit nothing. */
static void stream(int workers)
{
	size_t bound = ZSTD_compressBound(SIZE), at = 0;
	char *packed = malloc(bound);
	ZSTD_CCtx *compress = context(workers, 5);
	ZSTD_outBuffer out = { packed, bound, 0 };
	while (at < SIZE) {
		size_t piece = at + 77777 < SIZE ? 77777 : SIZE - at;
		ZSTD_inBuffer in = { text + at, piece, 0 };
		while (in.pos < in.size)
			if (ZSTD_isError(ZSTD_compressStream2(compress, &out, &in, ZSTD_e_continue)))
				exit(1);
		at += piece;
	}
	ZSTD_inBuffer none = { NULL, 0, 0 };
	while (ZSTD_compressStream2(compress, &out, &none, ZSTD_e_end) > 0);
	printf("stream: %zu %08x\n", out.pos, checksum(packed, out.pos));
	ZSTD_freeCCtx(compress);
	free(packed);
}

static void *part(void *p)
{
	size_t bound = ZSTD_compressBound(PART);
	char *packed = malloc(bound), *from = text + PART * (long)p;
	ZSTD_CCtx *compress = context((long)p % 2, 7);
	size_t size = ZSTD_compress2(compress, packed, bound, from, PART);
	long sum = checksum(packed, size) % 1000000;
	ZSTD_freeCCtx(compress);
	free(packed);
	return (void *)sum;
}

static void parts(void)
{
	pthread_t threads[THREADS];
	void *result;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, part, (void *)i);
	printf("parts:");
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		printf(" %ld", (long)result);
	}
	printf("\n");
}

static int measure(int workers, size_t size)
{
	size_t bound = ZSTD_compressBound(size);
	char *packed = malloc(bound);
	ZSTD_CCtx *compress = context(workers, 6);
	struct timespec begun, ended;
	text = malloc(size);
	generate(text, size);
	/* Once, so that threads and memory are there. */
	ZSTD_compress2(compress, packed, bound, text, size);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	size_t done = ZSTD_compress2(compress, packed, bound, text, size);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	printf("%lld %08x\n", (ended.tv_sec - begun.tv_sec) * 1000000LL + (ended.tv_nsec - begun.tv_nsec) / 1000,
		checksum(packed, done));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return measure(atoi(argv[1]), (size_t)atoi(argv[2]) << 20);
	text = malloc(SIZE);
	generate(text, SIZE);
	for (int workers = 0; workers <= 3; workers++)
		whole(workers, 3);
	whole(4, 9);
	stream(1);
	stream(3);
	parts();
	return 0;
}
