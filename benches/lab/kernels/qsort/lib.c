/* Quicksort of elements of any size that is a multiple of 4. */
#include "kernel.h"

typedef int compare(const void *, const void *);

static void swap(u32 *a, u32 *b, u32 words) {
    while (words--) {
        u32 word = *a;
        *a++ = *b;
        *b++ = word;
    }
}

static void insertion(u32 *base, u32 count, u32 words, compare *order) {
    u32 *end = base + count * words;
    for (u32 *sorted = base + words; sorted < end; sorted += words)
        for (u32 *at = sorted; at > base && order(at - words, at) > 0; at -= words)
            swap(at - words, at, words);
}

static void quick(u32 *base, u32 count, u32 words, compare *order) {
    while (count > 12) {
        u32 *low = base, *high = base + (count - 1) * words, *middle = base + count / 2 * words;
        if (order(low, middle) > 0)
            swap(low, middle, words);
        if (order(middle, high) > 0) {
            swap(middle, high, words);
            if (order(low, middle) > 0)
                swap(low, middle, words);
        }
        /* The pivot waits beside the first element. */
        u32 *pivot = base + words;
        swap(pivot, middle, words);
        low = pivot;
        for (;;) {
            do
                low += words;
            while (order(low, pivot) < 0);
            do
                high -= words;
            while (order(high, pivot) > 0);
            if (low >= high)
                break;
            swap(low, high, words);
        }
        swap(pivot, high, words);
        u32 left = (u32)(high - base) / words, right = count - left - 1;
        if (left < right) {
            quick(base, left, words, order);
            base = high + words;
            count = right;
        } else {
            quick(high + words, right, words, order);
            count = left;
        }
    }
    insertion(base, count, words, order);
}

void sort(void *base, u32 count, u32 size, compare *order) {
    if (count > 1)
        quick(base, count, size / sizeof(u32), order);
}
