/* What the programs of these kernels work on, made from nothing: a kernel has no files. */
#pragma once
#include "kernel.h"
#include "text.h"
#include <stddef.h>

static inline u32 mix_bytes(u32 sum, const void *bytes, size_t length) {
    const u8 *at = bytes;
    for (size_t i = 0; i < length; i++)
        sum = mix(sum, at[i]);
    return sum;
}

/* A picture of gradients, edges and noise: rows of three bytes a pixel. */
static inline void write_picture(u8 *rgb, u32 width, u32 height, u32 state) {
    for (u32 y = 0; y < height; y++)
        for (u32 x = 0; x < width; x++, rgb += 3) {
            u32 dx = x - width / 3, dy = y - height / 2, noise = next(&state);
            u32 inside = dx * dx + dy * dy < width * height / 12;
            rgb[0] = (u8)((inside ? 200 - dx / 4 : x * 255 / width) + (noise & 7));
            rgb[1] = (u8)((inside ? 60 + dy / 4 : y * 255 / height) + (noise >> 8 & 7));
            rgb[2] = (u8)((x / 16 + y / 16) % 2 * 90 + (noise >> 16 & 15));
        }
}
