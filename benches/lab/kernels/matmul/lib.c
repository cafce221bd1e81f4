#include "matrix.h"

/* c = a · b, in blocks that stay in the cache. */
void multiply(double *c, const double *a, const double *b) {
    enum { BLOCK = 32 };
    for (u32 i = 0; i < SIZE * ROW; i++)
        c[i] = 0;
    for (u32 kk = 0; kk < SIZE; kk += BLOCK)
        for (u32 jj = 0; jj < SIZE; jj += BLOCK)
            for (u32 i = 0; i < SIZE; i++)
                for (u32 k = kk; k < kk + BLOCK; k++) {
                    double x = a[i * ROW + k];
                    for (u32 j = jj; j < jj + BLOCK; j++)
                        c[i * ROW + j] += x * b[k * ROW + j];
                }
}
