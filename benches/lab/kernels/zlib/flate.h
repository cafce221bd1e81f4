#include "kernel.h"

/* Both answer a length, 0 where `out` would not do or `in` is damaged. */
u32 deflate(const u8 *in, u32 length, u8 *out, u32 room);
u32 inflate(const u8 *in, u32 length, u8 *out, u32 room);
u32 adler(const u8 *data, u32 length);
