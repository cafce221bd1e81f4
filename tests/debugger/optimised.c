#include <stdio.h>
#include <stdlib.h>

struct pair {
    int left;
    long long right;
};

int calls;

__attribute__((noinline)) long long step(long long sum, int i, const struct pair *pair)
{
    calls += i;
    long long next = sum * 3 + i + pair->left;
    printf("%lld\n", next);
    return next - pair->right;
}

__attribute__((noinline)) long long loop(int n, const struct pair *pair, double scale)
{
    long long sum = n;
    double scaled = 0;
    unsigned mask = 0x80000000u;
    for (int i = 0; i < n; i++) {
        sum = step(sum, i, pair);
        scaled += (double)sum * scale;
        if (sum & 1)
            mask >>= 1;
        else
            mask ^= (unsigned)i;
    }
    printf("%g %u\n", scaled, mask);
    return sum;
}

int main(int argc, char **argv)
{
    struct pair pair = { argc + 4, 1ll << 33 };
    int n = argc + 2;
    long long sum = loop(n, &pair, 0.25);
    return sum > 0 ? 0 : 1;
}
