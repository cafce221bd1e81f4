/* Writes a document of some 100 KB, parses it, and walks it. */
#include "json.h"

static char document[1 << 18];
static u32 length;

static void put(const char *text) {
    while (*text)
        document[length++] = *text++;
}

static void put_number(u32 x) {
    char digits[10];
    u32 n = 0;
    do
        digits[n++] = (char)('0' + x % 10);
    while (x /= 10);
    while (n)
        document[length++] = digits[--n];
}

static void write_document(void) {
    u32 state = 99;
    length = 0;
    put("{\"items\": [");
    for (u32 i = 0; i < 1000; i++) {
        put(i ? ",\n  {\"id\": " : "\n  {\"id\": ");
        put_number(i);
        put(", \"name\": \"item number \\\"");
        put_number(next(&state) % 100000);
        put("\\\"\", \"price\": -");
        put_number(next(&state) % 1000);
        put(".");
        put_number(next(&state) % 90 + 10);
        put(next(&state) & 1 ? ", \"sold\": true" : ", \"sold\": false, \"by\": null");
        put(", \"sizes\": [");
        for (u32 j = next(&state) % 6; j; j--) {
            put_number(next(&state) % 5000);
            put(j > 1 ? ", " : "");
        }
        put("]}");
    }
    put("\n]}\n");
}

static u32 walk(const struct value *value, u32 sum) {
    sum = mix(sum, value->kind);
    switch (value->kind) {
    case NUMBER:
    case BOOLEAN:
        return mix(sum, (u32)(int)(value->number * 100));
    case STRING:
        for (u32 i = 0; i < value->length; i++)
            sum = mix(sum, (u8)value->text[i]);
        return sum;
    default:
        for (const struct value *v = json_child(value); v; v = json_next(v))
            sum = walk(v, sum);
        return sum;
    }
}

int run(int n) {
    u32 sum = 0;
    write_document();
    for (int i = 0; i < n; i++) {
        const struct value *root = json_parse(document, length);
        if (!root)
            return -1;
        sum = walk(root, sum);
        const struct value *items = json_get(root, "items");
        for (const struct value *v = json_child(items); v; v = json_next(v))
            if (json_get(v, "sold")->number == 0)
                sum = mix(sum, (u32)(int)json_get(v, "id")->number);
    }
    return (int)sum;
}
