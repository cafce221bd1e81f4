/* Heat on a plane whose border stays as it is. */
#include "grid.h"

void grid_step(float *restrict to, const float *restrict from, float speed) {
    for (u32 y = 1; y < HEIGHT - 1; y++)
        for (u32 x = 1; x < WIDTH - 1; x++) {
            const float *at = from + y * WIDTH + x;
            float around = at[-1] + at[1] + at[-WIDTH] + at[WIDTH];
            to[y * WIDTH + x] = at[0] + speed * (around - 4 * at[0]);
        }
}

float grid_sum(const float *grid) {
    float sum = 0;
    for (u32 i = 0; i < WIDTH * HEIGHT; i++)
        sum += grid[i];
    return sum;
}
