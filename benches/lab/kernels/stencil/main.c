/* Steps of a simulation on a grid of floats. */
#include "grid.h"

static float grids[2][WIDTH * HEIGHT];

int run(int n) {
    u32 state = 77, sum = 0;
    for (u32 i = 0; i < WIDTH * HEIGHT; i++)
        grids[0][i] = grids[1][i] = (float)(next(&state) % 256);
    for (int i = 0; i < n; i++) {
        grid_step(grids[~i & 1], grids[i & 1], 0.2f);
        if (i % 16 == 0)
            sum = mix(sum, (u32)(int)grid_sum(grids[~i & 1]));
    }
    return (int)sum;
}
