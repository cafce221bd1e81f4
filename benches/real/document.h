/* A document in JSON of some 100 KB. */
#include <stdio.h>

#include "data.h"

static char document[1 << 18];

static u32 write_document(void) {
    u32 state = 99;
    char *at = document;
    at += sprintf(at, "{\"items\": [");
    for (u32 i = 0; i < 1000; i++) {
        u32 name = next(&state) % 100000, price = next(&state) % 1000;
        at += sprintf(at, "%s\n  {\"id\": %u, \"name\": \"item \\\"%u\\\"\", \"price\": %u.5", i ? "," : "", i, name, price);
        at += sprintf(at, ", \"sold\": %s, \"sizes\": [", next(&state) & 1 ? "true" : "false");
        for (u32 j = next(&state) % 6; j; j--)
            at += sprintf(at, "%u%s", next(&state) % 5000, j > 1 ? ", " : "");
        at += sprintf(at, "]}");
    }
    at += sprintf(at, "\n]}\n");
    return (u32)(at - document);
}
