#include "names.h"

#define DEFINE(n) u32 v##n;
ALL(DEFINE)

void reset(void) {
#define RESET(n) v##n = 0;
    ALL(RESET)
}

u32 total(void) {
    u32 sum = 0;
#define ADD(n) sum = mix(sum, v##n);
    ALL(ADD)
    return sum;
}
