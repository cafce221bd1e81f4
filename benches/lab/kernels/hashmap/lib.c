/* An open-addressed map of texts to numbers. */
#include "map.h"

struct entry {
    u32 hash; /* 0: free; 1: removed */
    u32 key, length, number;
};

static struct entry entries[1 << 15];
static char keys[1 << 20];
static u32 used, size;

void map_clear(void) {
    for (u32 i = 0; i < LENGTH(entries); i++)
        entries[i].hash = 0;
    used = size = 0;
}

static u32 hash_of(const char *key, u32 length) {
    u32 hash = 0x811c9dc5u;
    for (u32 i = 0; i < length; i++)
        hash = (hash ^ (u8)key[i]) * 0x01000193u;
    hash ^= hash >> 15;
    return hash > 1 ? hash : hash + 2;
}

static int same(const struct entry *entry, u32 hash, const char *key, u32 length) {
    if (entry->hash != hash || entry->length != length)
        return 0;
    const char *own = keys + entry->key;
    while (length && *own == *key)
        own++, key++, length--;
    return !length;
}

static struct entry *find(u32 hash, const char *key, u32 length) {
    u32 at = hash % LENGTH(entries);
    struct entry *entry;
    while ((entry = &entries[at])->hash) {
        if (same(entry, hash, key, length))
            return entry;
        at = (at + 1) % LENGTH(entries);
    }
    return 0;
}

u32 *map_find(const char *key, u32 length) {
    struct entry *entry = find(hash_of(key, length), key, length);
    return entry ? &entry->number : 0;
}

u32 *map_at(const char *key, u32 length) {
    u32 hash = hash_of(key, length);
    struct entry *entry = find(hash, key, length);
    if (entry)
        return &entry->number;
    u32 at = hash % LENGTH(entries);
    while (entries[at].hash > 1)
        at = (at + 1) % LENGTH(entries);
    entry = &entries[at];
    *entry = (struct entry){hash, used, length, 0};
    for (u32 i = 0; i < length; i++)
        keys[used++] = key[i];
    size++;
    return &entry->number;
}

int map_remove(const char *key, u32 length) {
    struct entry *entry = find(hash_of(key, length), key, length);
    if (!entry)
        return 0;
    entry->hash = 1;
    size--;
    return 1;
}

u32 map_size(void) { return size; }
