/* Prints the result of the loop and the nanoseconds that it took. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int add(int a, int b);

__attribute__((noipa)) static int run(unsigned n) {
    int x = 0;
    for (unsigned i = 0; i < n; i++)
        x = add(x, (int)i);
    return x;
}

int main(int argc, char **argv) {
    struct timespec a, b;
    if (argc != 2)
        return 2;
    unsigned n = (unsigned)strtoul(argv[1], NULL, 10);
    run(1000);
    clock_gettime(CLOCK_MONOTONIC, &a);
    int x = run(n);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%d %lld\n", x, (b.tv_sec - a.tv_sec) * 1000000000LL + (b.tv_nsec - a.tv_nsec));
    return 0;
}
