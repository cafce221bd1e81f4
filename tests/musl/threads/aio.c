/* Files read and written meanwhile, by threads of libc. */
#define _GNU_SOURCE
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PARTS = 8, SIZE = 5000 };

static char data[PARTS][SIZE], back[PARTS][SIZE];

static int done(struct aiocb *block)
{
	const struct aiocb *list[] = {block};
	while (aio_error(block) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	return aio_error(block);
}

int main(int argc, char **argv)
{
	struct aiocb blocks[PARTS];
	long sum = 0;
	int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (argc < 2 || file < 0)
		return 1;
	memset(blocks, 0, sizeof blocks);
	for (int i = 0; i < PARTS; i++) {
		memset(data[i], 'a' + i, SIZE);
		blocks[i].aio_fildes = file;
		blocks[i].aio_buf = data[i];
		blocks[i].aio_nbytes = SIZE;
		blocks[i].aio_offset = (PARTS - 1 - i) * SIZE;
		printf("write %d\n", aio_write(&blocks[i]));
	}
	for (int i = 0; i < PARTS; i++) {
		int error = done(&blocks[i]);
		printf("wrote %d %zd\n", error, aio_return(&blocks[i]));
	}
	for (int i = 0; i < PARTS; i++) {
		blocks[i].aio_buf = back[i];
		aio_read(&blocks[i]);
	}
	for (int i = 0; i < PARTS; i++)
		if (!done(&blocks[i]))
			sum += aio_return(&blocks[i]);
	printf("read %ld, the same %d\n", sum, !memcmp(data, back, sizeof data));
	blocks[0].aio_fildes = 99;
	int answer = aio_read(&blocks[0]);
	printf("bad %d\n", answer ? errno == EBADF : done(&blocks[0]) == EBADF);
	close(file);
	return 0;
}
