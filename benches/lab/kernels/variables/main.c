/* 512 variables of a library, each read and written once in a unit of work. */
#include "names.h"

#define DECLARE(n) extern u32 v##n;
ALL(DECLARE)
void reset(void);
u32 total(void);

int run(int n) {
    reset();
    for (u32 i = 0; i < (u32)n; i++) {
#define CHANGE(n) v##n += i ^ n;
        ALL(CHANGE)
        BARRIER();
    }
    return (int)total();
}
