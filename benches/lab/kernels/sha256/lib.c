/* FIPS 180-4. */
#include "sha256.h"

static const u32 rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 rotate(u32 x, u32 by) { return x >> by | x << (32 - by); }

static u32 big_endian(const u8 *at) {
    return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

static void block(u32 state[8], const u8 *data) {
    u32 w[64];
    for (u32 i = 0; i < 16; i++)
        w[i] = big_endian(data + 4 * i);
    for (u32 i = 16; i < 64; i++) {
        u32 x = w[i - 15], y = w[i - 2];
        u32 s0 = rotate(x, 7) ^ rotate(x, 18) ^ x >> 3;
        u32 s1 = rotate(y, 17) ^ rotate(y, 19) ^ y >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    u32 a = state[0], b = state[1], c = state[2], d = state[3];
    u32 e = state[4], f = state[5], g = state[6], h = state[7];
    for (u32 i = 0; i < 64; i++) {
        u32 s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        u32 one = h + s1 + ((e & f) ^ (~e & g)) + rounds[i] + w[i];
        u32 s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        u32 two = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + one;
        d = c, c = b, b = a, a = one + two;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void sha256_begin(struct sha256 *hash) {
    static const u32 first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (u32 i = 0; i < 8; i++)
        hash->state[i] = first[i];
    hash->length = 0;
}

void sha256_add(struct sha256 *hash, const u8 *data, u32 length) {
    u32 used = hash->length % 64;
    hash->length += length;
    if (used) {
        while (used < 64 && length)
            hash->block[used++] = *data++, length--;
        if (used < 64)
            return;
        block(hash->state, hash->block);
    }
    for (; length >= 64; data += 64, length -= 64)
        block(hash->state, data);
    for (u32 i = 0; i < length; i++)
        hash->block[i] = data[i];
}

void sha256_end(struct sha256 *hash, u8 digest[32]) {
    static const u8 padding[64] = {0x80};
    u64 bits = hash->length * 8;
    u8 length[8];
    for (u32 i = 0; i < 8; i++)
        length[i] = (u8)(bits >> (56 - 8 * i));
    u32 used = hash->length % 64;
    sha256_add(hash, padding, used < 56 ? 56 - used : 120 - used);
    sha256_add(hash, length, 8);
    for (u32 i = 0; i < 32; i++)
        digest[i] = (u8)(hash->state[i / 4] >> (24 - i % 4 * 8));
}
