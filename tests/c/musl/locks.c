/* Locks of ranges of a file: of the process, and of two open files. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show(const char *what, int result, const struct flock *lock)
{
	printf("%s: %s", what, result ? strerror(errno) : "done");
	if (lock)
		printf(", %s from %lld, %lld bytes",
			lock->l_type == F_UNLCK ? "free" : lock->l_type == F_WRLCK ? "write" : "read",
			(long long)lock->l_start, (long long)lock->l_len);
	printf("\n");
}

static struct flock range(short type, off_t start, off_t len)
{
	return (struct flock) { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
}

int main(int argc, char **argv)
{
	if (argc < 2 || chdir(argv[1]))
		return 1;
	int one = open("locked", O_RDWR | O_CREAT, 0600), two = open("locked", O_RDWR);
	struct flock lock = range(F_WRLCK, 10, 20);
	show("process", fcntl(one, F_SETLK, &lock), NULL);
	lock = range(F_RDLCK, 0, 0);
	/* Its own locks are in nobody's way. */
	show("process again", fcntl(two, F_SETLKW, &lock), NULL);
	lock = range(F_UNLCK, 0, 0);
	show("released", fcntl(one, F_SETLK, &lock), NULL);

	lock = range(F_WRLCK, 1LL << 40, 5);
	show("file", fcntl(one, F_OFD_SETLK, &lock), NULL);
	lock = range(F_RDLCK, 0, 0);
	show("other file", fcntl(two, F_OFD_SETLK, &lock), NULL);
	show("who", fcntl(two, F_OFD_GETLK, &lock), &lock);
	lock = range(F_WRLCK, 0, 100);
	show("beside it", fcntl(two, F_OFD_SETLKW, &lock), NULL);
	lock = range(F_RDLCK, 200, 1);
	show("nobody", fcntl(two, F_GETLK, &lock), &lock);

	int reading = open("locked", O_RDONLY);
	lock = range(F_WRLCK, 300, 1);
	show("not for writing", fcntl(reading, F_SETLK, &lock), NULL);
	lock = range(F_RDLCK, -1, 1);
	show("before the start", fcntl(reading, F_SETLK, &lock), NULL);
	lock = range(17, 0, 1);
	show("no type", fcntl(reading, F_SETLK, &lock), NULL);
	show("no file", fcntl(99, F_SETLK, &lock), NULL);
	unlink("locked");
	return 0;
}
