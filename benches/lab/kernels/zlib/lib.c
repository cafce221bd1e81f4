/* Compression in the manner of zlib: chains of equal hashes, Huffman codes of
   literals, lengths and distances, a check-sum by Adler. The form is our own:
   code lengths in 4 bits each, numbers as a class and bits. */
#include "flate.h"

enum { LITERALS = 256, LENGTHS = 24, SYMBOLS = LITERALS + 1 + LENGTHS, DISTANCES = 32 };
enum { END = 256, SHORTEST = 3, LONGEST = 258, WINDOW = 1 << 15, HASH = 1 << 13, LONGEST_CODE = 15 };
enum { CHAIN = 24, BLOCK = 1 << 14 };

u32 adler(const u8 *data, u32 length) {
    u32 a = 1, b = 0;
    while (length) {
        /* So many additions cannot overflow. */
        u32 piece = length < 5552 ? length : 5552;
        length -= piece;
        while (piece--) {
            a += *data++;
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    return b << 16 | a;
}

/* A number as a class, which is coded, and bits that follow as they are. */
static u32 class_of(u32 x, u32 *count) {
    if (x < 4) {
        *count = 0;
        return x;
    }
    u32 bits = 31 - (u32)__builtin_clz(x) - 1;
    *count = bits;
    return 2 * bits + (x >> bits);
}

static u32 class_base(u32 class, u32 *count) {
    if (class < 4) {
        *count = 0;
        return class;
    }
    *count = class / 2 - 1;
    return (2 + (class & 1)) << *count;
}

struct code {
    u8 length[SYMBOLS];
    u16 bits[SYMBOLS];
};

static void canonical(struct code *code, u32 symbols) {
    u16 next[LONGEST_CODE + 2] = {0};
    for (u32 i = 0; i < symbols; i++)
        next[code->length[i] + 1] += code->length[i] > 0;
    for (u32 l = 1; l <= LONGEST_CODE; l++)
        next[l + 1] = (u16)((next[l] + next[l + 1]) << 1);
    for (u32 i = 0; i < symbols; i++) {
        u32 length = code->length[i], value = length ? next[length]++ : 0, turned = 0;
        for (u32 bit = 0; bit < length; bit++)
            turned |= (value >> bit & 1) << (length - 1 - bit);
        code->bits[i] = (u16)turned;
    }
}

/* The place of the heap's smallest element sinks to where it belongs. */
static void sink(const u32 *weight, u16 *heap, u32 count, u32 at) {
    u16 node = heap[at];
    for (u32 child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && weight[heap[child + 1]] < weight[heap[child]])
            child++;
        if (weight[node] <= weight[heap[child]])
            break;
        heap[at] = heap[child];
    }
    heap[at] = node;
}

/* Code lengths by Huffman; weights are flattened until none is too long. */
static void make_code(struct code *code, const u32 *frequency, u32 symbols) {
    u32 weight[2 * SYMBOLS];
    u16 heap[SYMBOLS], parent[2 * SYMBOLS];
    for (u32 shift = 0;; shift++) {
        u32 count = 0, nodes = symbols, deepest = 0;
        for (u32 i = 0; i < symbols; i++) {
            weight[i] = frequency[i] ? (frequency[i] >> shift) + 1 : 0;
            code->length[i] = 0;
            if (frequency[i])
                heap[count++] = (u16)i;
        }
        if (count == 1)
            code->length[heap[0]] = 1;
        if (count < 2)
            break;
        for (u32 i = count / 2; i--;)
            sink(weight, heap, count, i);
        while (count > 1) {
            u16 a = heap[0];
            heap[0] = heap[--count];
            sink(weight, heap, count, 0);
            u16 b = heap[0];
            weight[nodes] = weight[a] + weight[b];
            parent[a] = parent[b] = (u16)nodes;
            heap[0] = (u16)nodes++;
            sink(weight, heap, count, 0);
        }
        u32 root = nodes - 1;
        for (u32 i = 0; i < symbols; i++) {
            if (!weight[i])
                continue;
            u32 depth = 0;
            for (u32 node = i; node != root; node = parent[node])
                depth++;
            if (depth > deepest)
                deepest = depth;
            code->length[i] = (u8)depth;
        }
        if (deepest <= LONGEST_CODE)
            break;
    }
    canonical(code, symbols);
}

static struct {
    u8 *at, *end;
    u64 bits;
    u32 count;
} sink_of_bits;

static void put(u32 value, u32 count) {
    sink_of_bits.bits |= (u64)value << sink_of_bits.count;
    sink_of_bits.count += count;
    while (sink_of_bits.count >= 8) {
        if (sink_of_bits.at < sink_of_bits.end)
            *sink_of_bits.at++ = (u8)sink_of_bits.bits;
        sink_of_bits.bits >>= 8;
        sink_of_bits.count -= 8;
    }
}

/* A literal, or a match: its length and its distance. */
struct item {
    u16 length, distance;
};

static struct item items[BLOCK];
static u32 item_count;
static u16 head[HASH], previous[WINDOW];

static void write_block(void) {
    static u32 symbols[SYMBOLS], distances[DISTANCES];
    static struct code symbol, distance;
    u32 extra;
    for (u32 i = 0; i < SYMBOLS; i++)
        symbols[i] = 0;
    for (u32 i = 0; i < DISTANCES; i++)
        distances[i] = 0;
    for (u32 i = 0; i < item_count; i++) {
        const struct item *item = &items[i];
        if (item->distance) {
            symbols[END + 1 + class_of(item->length - SHORTEST, &extra)]++;
            distances[class_of(item->distance, &extra)]++;
        } else {
            symbols[item->length]++;
        }
    }
    symbols[END]++;
    make_code(&symbol, symbols, SYMBOLS);
    make_code(&distance, distances, DISTANCES);
    for (u32 i = 0; i < SYMBOLS; i++)
        put(symbol.length[i], 4);
    for (u32 i = 0; i < DISTANCES; i++)
        put(distance.length[i], 4);
    for (u32 i = 0; i < item_count; i++) {
        const struct item *item = &items[i];
        if (!item->distance) {
            put(symbol.bits[item->length], symbol.length[item->length]);
            continue;
        }
        u32 class = END + 1 + class_of(item->length - SHORTEST, &extra);
        put(symbol.bits[class], symbol.length[class]);
        put((item->length - SHORTEST) & ((1u << extra) - 1), extra);
        class = class_of(item->distance, &extra);
        put(distance.bits[class], distance.length[class]);
        put(item->distance & ((1u << extra) - 1), extra);
    }
    put(symbol.bits[END], symbol.length[END]);
    item_count = 0;
}

static u32 hash_of(const u8 *p) {
    return (p[0] | (u32)p[1] << 8 | (u32)p[2] << 16) * 2654435761u >> 19;
}

static u32 longest(const u8 *in, u32 at, u32 length, u32 *distance) {
    u32 best = 0, limit = length - at < LONGEST ? length - at : LONGEST;
    u32 candidate = head[hash_of(in + at)];
    for (u32 chain = CHAIN; chain && candidate; chain--) {
        /* Positions are kept in 16 bits, plus 1. */
        u32 back = (at + 1 - candidate) & 0xffff;
        if (!back || back >= WINDOW || back > at)
            break;
        const u8 *a = in + at, *b = a - back;
        if (b[best] == a[best]) {
            u32 match = 0;
            while (match < limit && a[match] == b[match])
                match++;
            if (match > best) {
                best = match;
                *distance = back;
                if (match == limit)
                    break;
            }
        }
        candidate = previous[(at - back) % WINDOW];
    }
    return best;
}

static void remember(const u8 *in, u32 at) {
    u32 hash = hash_of(in + at);
    previous[at % WINDOW] = head[hash];
    head[hash] = (u16)(at + 1);
}

u32 deflate(const u8 *in, u32 length, u8 *out, u32 room) {
    sink_of_bits.at = out, sink_of_bits.end = out + room;
    sink_of_bits.bits = sink_of_bits.count = item_count = 0;
    for (u32 i = 0; i < HASH; i++)
        head[i] = 0;
    for (u32 at = 0; at < length;) {
        u32 distance = 0, match = 0;
        if (at + SHORTEST < length) {
            match = longest(in, at, length - 1, &distance);
            remember(in, at);
        }
        if (match >= SHORTEST) {
            items[item_count++] = (struct item){(u16)match, (u16)distance};
            for (u32 end = at + match; ++at < end;)
                if (at + SHORTEST < length)
                    remember(in, at);
        } else {
            items[item_count++] = (struct item){in[at++], 0};
        }
        if (item_count == BLOCK || at == length) {
            put(at == length, 1);
            write_block();
        }
    }
    put(0, 7);
    return sink_of_bits.at < sink_of_bits.end ? (u32)(sink_of_bits.at - out) : 0;
}

static struct {
    const u8 *at, *end;
    u64 bits;
    u32 count;
} source;

static void fill(void) {
    while (source.count <= 32) {
        source.bits |= (u64)(source.at < source.end ? *source.at++ : 0) << source.count;
        source.count += 8;
    }
}

static u32 get(u32 count) {
    fill();
    u32 value = (u32)(source.bits & ((1ull << count) - 1));
    source.bits >>= count;
    source.count -= count;
    return value;
}

/* For each 15 bits the symbol that they begin with, and its length. */
static u16 symbol_table[1 << LONGEST_CODE], distance_table[1 << LONGEST_CODE];

static void read_code(u16 *table, u32 symbols) {
    static struct code code;
    for (u32 i = 0; i < symbols; i++)
        code.length[i] = (u8)get(4);
    canonical(&code, symbols);
    for (u32 i = 0; i < symbols; i++)
        if (code.length[i])
            for (u32 at = code.bits[i]; at < 1 << LONGEST_CODE; at += 1u << code.length[i])
                table[at] = (u16)(i << 4 | code.length[i]);
}

static u32 decode(const u16 *table) {
    fill();
    u16 entry = table[source.bits & ((1 << LONGEST_CODE) - 1)];
    source.bits >>= entry & 15;
    source.count -= entry & 15;
    return entry >> 4;
}

u32 inflate(const u8 *in, u32 length, u8 *out, u32 room) {
    source.at = in, source.end = in + length;
    source.bits = source.count = 0;
    u32 at = 0, extra;
    for (u32 last = 0; !last;) {
        last = get(1);
        read_code(symbol_table, SYMBOLS);
        read_code(distance_table, DISTANCES);
        for (u32 symbol; (symbol = decode(symbol_table)) != END;) {
            if (symbol < END) {
                if (at == room)
                    return 0;
                out[at++] = (u8)symbol;
                continue;
            }
            u32 count = SHORTEST + class_base(symbol - END - 1, &extra);
            count += get(extra);
            u32 distance = class_base(decode(distance_table), &extra);
            distance += get(extra);
            if (distance > at || count > room - at)
                return 0;
            for (; count; count--, at++)
                out[at] = out[at - distance];
        }
        if (source.at == source.end && !last)
            return 0;
    }
    return at;
}
