/* zstd as a library: every level, a dictionary, a stream into a file, with
   allocations made by main. Argument: path of the compressed file. */

#define ZSTD_STATIC_LINKING_ONLY
#include <stdio.h>
#include <stdlib.h>
#include "generate.h"
#include "zstd.h"

enum { SIZE = 1 << 20 };

static char text[SIZE], restored[SIZE], packed[SIZE + SIZE / 8];
static long allocated, freed;

static void *allocate(void *counter, size_t size)
{
	++*(long *)counter;
	return malloc(size);
}

static void release(void *counter, void *block)
{
	(void)counter;
	freed += block != NULL;
	free(block);
}

static unsigned checksum(const char *bytes, size_t size)
{
	unsigned sum = 2166136261u;
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ (unsigned char)bytes[i]) * 16777619u;
	return sum;
}

static const ZSTD_customMem memory = { allocate, release, &allocated };

static void levels(void)
{
	ZSTD_CCtx *compress = ZSTD_createCCtx_advanced(memory);
	ZSTD_DCtx *decompress = ZSTD_createDCtx_advanced(memory);
	for (int level = -5; level <= 19; level++) {
		size_t length = level > 9 ? SIZE / 8 : SIZE;
		size_t size = ZSTD_compressCCtx(compress, packed, sizeof packed, text, length, level);
		size_t back = ZSTD_decompressDCtx(decompress, restored, sizeof restored, packed, size);
		int same = back == length && memcmp(text, restored, length) == 0;
		printf("level %d: %zu %08x %s\n", level, size, checksum(packed, size), same ? "same" : "DIFFERS");
	}
	size_t size = ZSTD_compress_usingDict(compress, packed, sizeof packed, text, 2000, text + 1000, 9000, 5);
	size_t back = ZSTD_decompress_usingDict(decompress, restored, sizeof restored, packed, size,
	                                        text + 1000, 9000);
	printf("dictionary: %zu %zu %d\n", size, back, memcmp(text, restored, 2000));
	packed[size / 2] ^= 0x55;
	back = ZSTD_decompress_usingDict(decompress, restored, sizeof restored, packed, size, text, 9000);
	printf("damaged: %s\n", ZSTD_isError(back) ? "refused" : "taken");
	ZSTD_freeCCtx(compress);
	ZSTD_freeDCtx(decompress);
}

static int stream(const char *path)
{
	FILE *file = fopen(path, "wb");
	ZSTD_CCtx *context = ZSTD_createCCtx();
	if (!file || !context)
		return 0;
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 7);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	for (size_t at = 0; at < SIZE; at += 1 << 16) {
		ZSTD_inBuffer in = { text + at, 1 << 16, 0 };
		ZSTD_EndDirective end = at + (1 << 16) == SIZE ? ZSTD_e_end : ZSTD_e_continue;
		size_t left;
		do {
			ZSTD_outBuffer out = { packed, 5000, 0 };
			left = ZSTD_compressStream2(context, &out, &in, end);
			if (ZSTD_isError(left) || fwrite(packed, 1, out.pos, file) != out.pos)
				return 0;
		} while (end == ZSTD_e_end ? left != 0 : in.pos != in.size);
	}
	ZSTD_freeCCtx(context);
	return fclose(file) == 0;
}

static void read_back(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size = fread(packed, 1, sizeof packed, file);
	fclose(file);
	memset(restored, 0, sizeof restored);
	size_t back = ZSTD_decompress(restored, sizeof restored, packed, size);
	printf("stream: %zu %zu %s\n", size, back, memcmp(text, restored, SIZE) ? "DIFFERS" : "same");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	generate(text, SIZE);
	printf("zstd %s\n", ZSTD_versionString());
	levels();
	printf("allocations %s\n", allocated == freed && allocated > 0 ? "balance" : "do NOT balance");
	if (!stream(argv[1])) {
		printf("cannot write %s\n", argv[1]);
		return 1;
	}
	read_back(argv[1]);
	return 0;
}
