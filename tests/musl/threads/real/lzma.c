/* liblzma with threads of its own, whose queue of blocks is taken in order, and
   several of these at once. */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "../../../c/real/generate.h"
#include "lzma.h"

enum { SIZE = 3 << 19, THREADS = 3 };

static char text[SIZE];

static uint64_t checksum(const uint8_t *bytes, size_t size)
{
	return lzma_crc64(bytes, size, 0);
}

static size_t pack(uint8_t *out, size_t room, int threads, int preset, uint32_t timeout)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_mt options = {
		.threads = threads, .block_size = 1 << 17, .timeout = timeout, .preset = preset,
		.check = LZMA_CHECK_SHA256,
	};
	lzma_ret code = lzma_stream_encoder_mt(&stream, &options);
	if (code != LZMA_OK) {
		printf("error %d\n", code);
		exit(1);
	}
	stream.next_out = out;
	stream.avail_out = room;
	size_t given = 0;
	do {
		/* In pieces; none is as large as a block. */
		if (!stream.avail_in && given < SIZE) {
			stream.next_in = (uint8_t *)text + given;
			stream.avail_in = SIZE - given < 50001 ? SIZE - given : 50001;
			given += stream.avail_in;
		}
		code = lzma_code(&stream, given < SIZE ? LZMA_RUN : LZMA_FINISH);
	} while (code == LZMA_OK);
	if (code != LZMA_STREAM_END) {
		printf("error %d\n", code);
		exit(1);
	}
	size_t size = stream.total_out;
	lzma_end(&stream);
	return size;
}

static int same(const uint8_t *packed, size_t size)
{
	static uint8_t back[SIZE];
	uint64_t limit = UINT64_MAX;
	size_t from = 0, to = 0;
	lzma_ret code = lzma_stream_buffer_decode(&limit, 0, NULL, packed, &from, size, back, &to, SIZE);
	return code == LZMA_OK && to == SIZE && !memcmp(text, back, SIZE);
}

/* Begins, and gives up half-way, while its threads work. */
static void stop(void)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_mt options = { .threads = 3, .block_size = 1 << 17, .preset = 6, .check = LZMA_CHECK_CRC32 };
	static uint8_t out[1000];
	if (lzma_stream_encoder_mt(&stream, &options) != LZMA_OK)
		exit(1);
	stream.next_in = (uint8_t *)text;
	stream.avail_in = SIZE;
	stream.next_out = out;
	stream.avail_out = sizeof out;
	lzma_ret code = lzma_code(&stream, LZMA_RUN);
	printf("stopped with %d\n", code);
	lzma_end(&stream);
}

static void *work(void *p)
{
	size_t room = lzma_stream_buffer_bound(SIZE) + 10000;
	uint8_t *out = malloc(room);
	size_t size = pack(out, room, 2, (int)(long)p, 0);
	long sum = checksum(out, size) % 1000000;
	free(out);
	return (void *)sum;
}

int main(void)
{
	size_t room = lzma_stream_buffer_bound(SIZE) + 10000;
	uint8_t *out = malloc(room);
	generate(text, SIZE);
	printf("lzma %s\n", lzma_version_string());
	for (int threads = 1; threads <= 4; threads++) {
		size_t size = pack(out, room, threads, 2, threads == 3 ? 1 : 0);
		printf("%d threads: %zu %016llx %s\n", threads, size, (unsigned long long)checksum(out, size),
			same(out, size) ? "same" : "DIFFERS");
	}
	stop();

	pthread_t threads[THREADS];
	void *result;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		printf("preset %d: %ld\n", i, (long)result);
	}
	free(out);
	return 0;
}
