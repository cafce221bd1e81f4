#include <monocypher.h>

#include "data.h"

static u8 text[64 << 10], sealed[64 << 10];

int run(int n) {
    u32 sum = 0;
    u8 key[32], nonce[24], mac[16], hash[64], seed[32], secret[64], public[32], signature[64];
    write_text(text, sizeof text, 12);
    for (int i = 0; i < n; i++) {
        crypto_blake2b(hash, 64, text, sizeof text);
        for (u32 j = 0; j < 32; j++)
            seed[j] = key[j] = nonce[j % 24] = hash[j];
        crypto_aead_lock(sealed, mac, key, nonce, NULL, 0, text, sizeof text);
        if (crypto_aead_unlock(text, mac, key, nonce, NULL, 0, sealed, sizeof sealed))
            return -1;
        if (i % 4 == 0) {
            crypto_eddsa_key_pair(secret, public, seed);
            crypto_eddsa_sign(signature, secret, text, 100);
            if (crypto_eddsa_check(signature, public, text, 100))
                return -2;
            sum = mix_bytes(sum, signature, 64);
        }
        sum = mix_bytes(sum, mac, 16);
        text[i % 1000] ^= 1;
    }
    return (int)sum;
}
