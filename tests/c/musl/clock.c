/* Clocks, sleeping, and what the system says of itself. */

#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock)
{
	struct timespec time;
	if (clock_gettime(clock, &time))
		abort();
	return time.tv_sec + time.tv_nsec / 1e9;
}

int main(void)
{
	double before = now(CLOCK_MONOTONIC);
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	usleep(1000);
	printf("slept %d\n", now(CLOCK_MONOTONIC) - before >= 0.003);
	struct timeval day;
	gettimeofday(&day, NULL);
	printf("agree %d\n", llabs((long long)day.tv_sec - time(NULL)) <= 1);
	char text[32];
	time_t moment = 86400 * 365;
	strftime(text, sizeof text, "%Y-%m-%d", gmtime(&moment));
	printf("%s\n", text);

	unsigned char random[64] = { 0 }, any = 0;
	for (size_t i = getrandom(random, sizeof random, 0) - 1; i < sizeof random; i--)
		any |= random[i];
	printf("random %d\n", any != 0);
	struct utsname name;
	printf("uname %d %s\n", uname(&name), name.sysname);
	printf("pages of %ld\n", sysconf(_SC_PAGESIZE));

	char *pages = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(pages, "kept");
	char *moved = mremap(pages, 100000, 1000000, MREMAP_MAYMOVE);
	printf("%s %d\n", moved, moved[999999]);
	printf("unmapped %d\n", munmap(moved, 1000000));

	struct pollfd streams[] = { { .fd = 1, .events = POLLOUT }, { .fd = 99 } };
	printf("poll %d %d %d\n", poll(streams, 2, 1000), streams[0].revents, streams[1].revents);
	printf("fork %d %s\n", fork(), strerror(errno));
	printf("socket %d\n", socket(AF_INET, SOCK_STREAM, 0));
	signal(SIGUSR1, SIG_IGN);
	fflush(stdout);
	abort();
}
