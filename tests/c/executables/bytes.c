// Copies and fills pieces of all small sizes, and of some large ones, at all distances
// that matter, and looks at every byte around them. With a number, copies 100 MB by pieces
// of so many bytes.
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 9000, MARGIN = 80 };
static unsigned char bytes[ROOM], expected[ROOM];

static void fresh(void)
{
	for (int k = 0; k < ROOM; k++)
		bytes[k] = expected[k] = k * 7 + k / 256;
}

static void look(const char *what, int size, int distance)
{
	for (int k = 0; k < ROOM; k++)
		if (bytes[k] != expected[k]) {
			printf("%s of %d bytes, %d: byte %d\n", what, size, distance, k);
			exit(1);
		}
}

static void move(int size, int from, int distance)
{
	unsigned char *source = bytes + from, kept[4200];
	for (int k = 0; k < size; k++)
		kept[k] = source[k];
	__builtin_memmove(source + distance, source, size);
	for (int k = 0; k < size; k++)
		expected[from + distance + k] = kept[k];
	look("a copy", size, distance);
}

static void fill(int size, int at)
{
	__builtin_memset(bytes + at, size, size);
	for (int k = 0; k < size; k++)
		expected[at + k] = size;
	look("a fill", size, at);
}

int main(int count, char **words)
{
	if (count > 1) {
		size_t size = atoi(words[1]);
		for (size_t done = 0; done < 100000000; done += size)
			__builtin_memmove(bytes + (done & 15), bytes + ROOM / 2, size);
		return 0;
	}
	static const int sizes[] = { 511, 512, 1000, 4095, 4096, 4097, 4200 };
	static const int distances[] = { -4097, -300, -65, -64, -63, -17, -16, -15, -8, -1, 0,
		1, 2, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 130, 300, 4097 };
	int copies = 0, fills = 0;
	fresh();
	for (int size = 0; size < 280; size++)
		for (int k = 0; k < sizeof distances / sizeof *distances; k++, copies++)
			move(size, 4100 + size % 16, distances[k]);
	for (int size = 0; size < 280; size++, fills++)
		fill(size, MARGIN + size * 3 % 16);
	for (int i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (int k = 0; k < sizeof distances / sizeof *distances; k++, copies++)
			if (abs(distances[k]) < 1000)
				move(sizes[i], 1000 + k, distances[k]);
			else
				move(sizes[i], distances[k] < 0 ? 4400 : 100, distances[k]);
		fill(sizes[i], MARGIN + i), fills++;
	}
	printf("%d copies, %d fills\n", copies, fills);
	return 0;
}
