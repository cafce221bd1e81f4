/* Bodies that attract each other. */
#include "body.h"

/* The sum of all momenta becomes 0. */
void bodies_begin(struct body *bodies, u32 count) {
    double mass = 0, momentum[3] = {0, 0, 0};
    for (u32 i = 0; i < count; i++) {
        mass += bodies[i].mass;
        for (u32 k = 0; k < 3; k++)
            momentum[k] += bodies[i].velocity[k] * bodies[i].mass;
    }
    for (u32 i = 0; i < count; i++)
        for (u32 k = 0; k < 3; k++)
            bodies[i].velocity[k] -= momentum[k] / mass;
}

void bodies_step(struct body *bodies, u32 count, double time) {
    for (u32 i = 0; i < count; i++) {
        struct body *a = &bodies[i];
        for (u32 j = i + 1; j < count; j++) {
            struct body *b = &bodies[j];
            double x = a->position[0] - b->position[0];
            double y = a->position[1] - b->position[1];
            double z = a->position[2] - b->position[2];
            double square = x * x + y * y + z * z;
            double force = time / (square * __builtin_sqrt(square));
            a->velocity[0] -= x * b->mass * force;
            a->velocity[1] -= y * b->mass * force;
            a->velocity[2] -= z * b->mass * force;
            b->velocity[0] += x * a->mass * force;
            b->velocity[1] += y * a->mass * force;
            b->velocity[2] += z * a->mass * force;
        }
    }
    for (u32 i = 0; i < count; i++)
        for (u32 k = 0; k < 3; k++)
            bodies[i].position[k] += time * bodies[i].velocity[k];
}

double bodies_energy(const struct body *bodies, u32 count) {
    double energy = 0;
    for (u32 i = 0; i < count; i++) {
        const struct body *a = &bodies[i];
        double square = 0;
        for (u32 k = 0; k < 3; k++)
            square += a->velocity[k] * a->velocity[k];
        energy += a->mass * square / 2;
        for (u32 j = i + 1; j < count; j++) {
            double distance = 0;
            for (u32 k = 0; k < 3; k++) {
                double d = a->position[k] - bodies[j].position[k];
                distance += d * d;
            }
            energy -= a->mass * bodies[j].mass / __builtin_sqrt(distance);
        }
    }
    return energy;
}
