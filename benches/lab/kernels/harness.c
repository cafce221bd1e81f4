/* A kernel as a program of its own: after a warm-up, prints the check-sum of
   `run(N)` and the nanoseconds of CPU time that it took. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int run(int n);

int main(int argc, char **argv) {
    struct timespec a, b;
    if (argc != 3)
        return 2;
    int warm_up = atoi(argv[1]), n = atoi(argv[2]);
    run(warm_up);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    int sum = run(n);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    printf("%d %lld\n", sum, (b.tv_sec - a.tv_sec) * 1000000000LL + (b.tv_nsec - a.tv_nsec));
    return 0;
}
