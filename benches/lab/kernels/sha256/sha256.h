#include "kernel.h"

struct sha256 {
    u32 state[8];
    u64 length;
    u8 block[64];
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const u8 *data, u32 length);
void sha256_end(struct sha256 *hash, u8 digest[32]);
