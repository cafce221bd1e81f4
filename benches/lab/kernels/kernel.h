/* What both files of a kernel use. There is no library: a kernel is all of its code.
   `run` of main.c does `n` units of work from the same state each time and
   answers a check-sum. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Memory is read and written as the program says, up to here. */
#define BARRIER() __asm__ volatile("" ::: "memory")

/* The next number of a sequence (Marsaglia's xorshift). */
static inline u32 next(u32 *state) {
    u32 x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* A check-sum of what came before and one number more. */
static inline u32 mix(u32 sum, u32 number) {
    return (sum ^ number) * 0x01000193u;
}

int run(int n);
