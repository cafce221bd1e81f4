/* A kernel as a program of its own: after a warm-up, prints the check-sum of
   `run(N)` and the nanoseconds of CPU time that it took. With `count` it also prints the
   processor's counters, `-` for one that there is not; with `stay` it then stays as it
   is, to be looked at. */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int run(int n);

#define CACHE_MISS(cache) PERF_TYPE_HW_CACHE, PERF_COUNT_HW_CACHE_##cache | \
    PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16

/* In the order of `COUNTERS` (src/counters.rs). */
static const struct {
    unsigned type;
    unsigned long long config;
} events[] = {
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {CACHE_MISS(L1D)},
    {CACHE_MISS(L1I)},
    {CACHE_MISS(DTLB)},
    {CACHE_MISS(ITLB)},
};
#define EVENTS (sizeof events / sizeof *events)

static int counter(int i) {
    struct perf_event_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.type = events[i].type;
    attributes.config = events[i].config;
    attributes.disabled = attributes.exclude_kernel = attributes.exclude_hv = 1;
    attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0UL);
}

/* What it counted; where counters took turns, what it would have been all the time. */
static void print(int counter) {
    unsigned long long values[3];
    if (counter >= 0 && read(counter, values, sizeof values) == sizeof values && values[2])
        printf(" %.0f", (double)values[0] * (double)values[1] / (double)values[2]);
    else
        printf(" -");
}

int main(int argc, char **argv) {
    struct timespec a, b;
    int counters[EVENTS];
    if (argc < 3)
        return 2;
    int warm_up = atoi(argv[1]), n = atoi(argv[2]);
    unsigned counted = argc > 3 && !strcmp(argv[3], "count") ? EVENTS : 0;
    run(warm_up);
    for (unsigned i = 0; i < counted; i++)
        counters[i] = counter((int)i);
    for (unsigned i = 0; i < counted; i++)
        ioctl(counters[i], PERF_EVENT_IOC_ENABLE, 0);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    int sum = run(n);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    for (unsigned i = 0; i < counted; i++)
        ioctl(counters[i], PERF_EVENT_IOC_DISABLE, 0);
    printf("%d %lld", sum, (b.tv_sec - a.tv_sec) * 1000000000LL + (b.tv_nsec - a.tv_nsec));
    for (unsigned i = 0; i < counted; i++)
        print(counters[i]);
    puts("");
    if (argc > 3 && !strcmp(argv[3], "stay")) {
        fflush(stdout);
        pause();
    }
    return 0;
}
