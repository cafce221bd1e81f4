#include "kernel.h"

enum { WIDTH = 253, HEIGHT = 131 };

void grid_step(float *restrict to, const float *restrict from, float speed);
float grid_sum(const float *grid);
