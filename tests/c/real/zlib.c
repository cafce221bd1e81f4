/* zlib as a library: a large file written and read back through it, and its
   allocations made by main. Argument: path of the compressed file. */

#include <stdio.h>
#include <stdlib.h>
#include "generate.h"
#include "zlib.h"

enum { SIZE = 6 << 20 };

static char text[SIZE], restored[SIZE + 1];
static long allocated, freed;

static void *allocate(void *counter, unsigned count, unsigned size)
{
	++*(long *)counter;
	return calloc(count, size);
}

static void release(void *counter, void *block)
{
	(void)counter;
	freed++;
	free(block);
}

static int write_file(const char *path)
{
	gzFile file = gzopen(path, "wb6");
	if (!file)
		return 0;
	for (size_t at = 0, part = 1; at < SIZE; at += part, part = part * 3 % 65521 + 1) {
		if (part > SIZE - at)
			part = SIZE - at;
		if (gzwrite(file, text + at, part) != (int)part)
			return 0;
	}
	return gzclose(file) == Z_OK;
}

static int read_file(const char *path)
{
	gzFile file = gzopen(path, "rb");
	if (!file)
		return 0;
	size_t at = 0;
	int part;
	while ((part = gzread(file, restored + at, 50000 < SIZE + 1 - at ? 50000 : SIZE + 1 - at)) > 0)
		at += part;
	return gzclose(file) == Z_OK && at == SIZE && memcmp(text, restored, SIZE) == 0;
}

/* Through memory at each level, the library calling main for its state. */
static void in_memory(int level)
{
	static unsigned char packed[SIZE];
	z_stream stream = { .zalloc = allocate, .zfree = release, .opaque = &allocated };
	deflateInit2(&stream, level, Z_DEFLATED, level % 2 ? -15 : 15, 8, level % 5);
	stream.next_in = (unsigned char *)text;
	stream.avail_in = SIZE / 8;
	stream.next_out = packed;
	stream.avail_out = sizeof packed;
	int code = deflate(&stream, Z_FINISH);
	size_t size = stream.total_out;
	deflateEnd(&stream);

	z_stream back = { .zalloc = allocate, .zfree = release, .opaque = &allocated };
	inflateInit2(&back, level % 2 ? -15 : 15);
	back.next_in = packed;
	back.avail_in = size;
	back.next_out = (unsigned char *)restored;
	back.avail_out = sizeof restored;
	int end = inflate(&back, Z_FINISH);
	int same = back.total_out == SIZE / 8 && memcmp(text, restored, SIZE / 8) == 0;
	inflateEnd(&back);
	printf("level %d: %d %zu %d %s\n", level, code, size, end, same ? "same" : "DIFFERS");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	generate(text, SIZE);
	printf("crc32 %08lx adler32 %08lx\n", crc32(0, (unsigned char *)text, SIZE),
	       adler32(1, (unsigned char *)text, SIZE));
	if (!write_file(argv[1])) {
		printf("cannot write %s\n", argv[1]);
		return 1;
	}
	memset(restored, 0, sizeof restored);
	puts(read_file(argv[1]) ? "restored" : "NOT restored");
	for (int level = 0; level <= 9; level++)
		in_memory(level);
	printf("allocations %ld %ld\n", allocated, freed);
	restored[10] = 'x';
	unsigned char bad[] = "this is not compressed";
	unsigned long size = sizeof restored;
	printf("%s\n", zError(uncompress((unsigned char *)restored, &size, bad, sizeof bad)));
	return 0;
}
