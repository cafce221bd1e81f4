/* LZ77 in the manner of LZ4: a token of two lengths, literals, an offset. */
#include "kernel.h"

enum { HASH_BITS = 13, SHORTEST = 4, MARGIN = 12, FARTHEST = 65535 };

static u32 table[1 << HASH_BITS];

static u32 word(const u8 *p) {
    u32 x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
}

static u8 *long_length(u8 *out, u32 length) {
    for (; length >= 255; length -= 255)
        *out++ = 255;
    *out++ = (u8)length;
    return out;
}

static u8 *sequence(u8 *out, const u8 *literals, u32 count, u32 match, u32 offset) {
    u8 *token = out++;
    u32 more = match ? match - SHORTEST : 0;
    *token = (u8)((count < 15 ? count : 15) << 4 | (more < 15 ? more : 15));
    if (count >= 15)
        out = long_length(out, count - 15);
    for (u32 i = 0; i < count; i++)
        *out++ = literals[i];
    if (match) {
        *out++ = (u8)offset;
        *out++ = (u8)(offset >> 8);
        if (more >= 15)
            out = long_length(out, more - 15);
    }
    return out;
}

u32 lz_compress(const u8 *in, u32 length, u8 *out) {
    const u8 *end = in + length, *from = in, *at = in;
    u8 *begin = out;
    for (u32 i = 0; i < LENGTH(table); i++)
        table[i] = 0;
    while (at + MARGIN < end) {
        u32 hash = word(at) * 2654435761u >> (32 - HASH_BITS);
        const u8 *candidate = in + table[hash];
        table[hash] = (u32)(at - in);
        if (candidate >= at || at - candidate > FARTHEST || word(candidate) != word(at)) {
            at++;
            continue;
        }
        u32 match = SHORTEST;
        while (at + match + MARGIN < end && candidate[match] == at[match])
            match++;
        out = sequence(out, from, (u32)(at - from), match, (u32)(at - candidate));
        at += match;
        from = at;
    }
    return (u32)(sequence(out, from, (u32)(end - from), 0, 0) - begin);
}

u32 lz_expand(const u8 *in, u32 length, u8 *out) {
    const u8 *end = in + length;
    u8 *begin = out;
    while (in < end) {
        u32 token = *in++, count = token >> 4, match = token & 15;
        if (count == 15) {
            u32 more;
            do
                count += more = *in++;
            while (more == 255);
        }
        while (count--)
            *out++ = *in++;
        if (in >= end)
            break;
        u32 offset = in[0] | (u32)in[1] << 8;
        in += 2;
        if (match == 15) {
            u32 more;
            do
                match += more = *in++;
            while (more == 255);
        }
        match += SHORTEST;
        for (const u8 *copy = out - offset; match; match--)
            *out++ = *copy++;
    }
    return (u32)(out - begin);
}
