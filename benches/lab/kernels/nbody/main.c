/* A heavy body with six light ones around it. */
#include "body.h"

static struct body bodies[7];

static void place(void) {
    u32 state = 11;
    for (u32 i = 0; i < LENGTH(bodies); i++) {
        struct body *body = &bodies[i];
        for (u32 k = 0; k < 3; k++) {
            body->position[k] = (double)(next(&state) % 1000) / 100 * i;
            body->velocity[k] = (double)(next(&state) % 1000) / 1000 - 0.5;
        }
        body->mass = i ? 0.001 * i : 40;
    }
    bodies_begin(bodies, LENGTH(bodies));
}

int run(int n) {
    u32 sum = 0;
    place();
    for (int i = 0; i < n; i++) {
        bodies_step(bodies, LENGTH(bodies), 0.001);
        if (i % 64 == 0)
            sum = mix(sum, (u32)(int)(bodies_energy(bodies, LENGTH(bodies)) * 1e6));
    }
    return (int)sum;
}
