#include "kernel.h"

enum kind { NIL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT };

/* A value; the first of its children and the next of its siblings by number,
   0 where there is none. Text lies in the document. */
struct value {
    enum kind kind;
    u32 first, next;
    const char *name, *text;
    u32 name_length, length;
    double number;
};

/* The root, or null where the document is not JSON. */
const struct value *json_parse(const char *text, u32 length);
const struct value *json_child(const struct value *value);
const struct value *json_next(const struct value *value);
const struct value *json_get(const struct value *object, const char *name);
