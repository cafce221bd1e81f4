/* Records sorted by a function of the program. */
#include "kernel.h"

void sort(void *base, u32 count, u32 size, int (*order)(const void *, const void *));

struct record {
    u32 key;
    u32 number;
};

static struct record records[20000];

static int by_key(const void *a, const void *b) {
    const struct record *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

int run(int n) {
    u32 state = 42, sum = 0;
    for (int i = 0; i < n; i++) {
        for (u32 at = 0; at < LENGTH(records); at++)
            records[at] = (struct record){next(&state) >> 16, at};
        sort(records, LENGTH(records), sizeof *records, by_key);
        for (u32 at = 0; at < LENGTH(records); at += 99)
            sum = mix(mix(sum, records[at].key), records[at].number);
    }
    return (int)sum;
}
