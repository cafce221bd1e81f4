/* Products of matrices of doubles. */
#include "matrix.h"

static double a[SIZE * ROW], b[SIZE * ROW], c[SIZE * ROW];

int run(int n) {
    u32 state = 2, sum = 0;
    for (u32 i = 0; i < SIZE * ROW; i++) {
        a[i] = (double)(next(&state) % 1000) / 1000;
        b[i] = (double)(next(&state) % 1000) / 1000;
    }
    for (int i = 0; i < n; i++) {
        multiply(c, a, b);
        a[(u32)i % (SIZE * ROW)] = c[(u32)i * 31 % (SIZE * ROW)] / SIZE;
        sum = mix(sum, (u32)(int)(c[(u32)i * 77 % (SIZE * ROW)] * 1e4));
    }
    return (int)sum;
}
