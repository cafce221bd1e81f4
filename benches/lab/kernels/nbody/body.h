#include "kernel.h"

struct body {
    double position[3], velocity[3], mass;
};

void bodies_begin(struct body *bodies, u32 count);
void bodies_step(struct body *bodies, u32 count, double time);
double bodies_energy(const struct body *bodies, u32 count);
