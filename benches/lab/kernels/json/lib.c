/* A parser of JSON into an array of values. */
#include "json.h"

static struct value values[16384];
static u32 used;
static const char *at, *end;

static struct value *parse(u32 depth);

static void space(void) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
}

static int word(const char *text) {
    const char *p = at;
    while (*text)
        if (p == end || *p++ != *text++)
            return 0;
    at = p;
    return 1;
}

static int number(double *out) {
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    const char *begin = at;
    int negative = at < end && *at == '-';
    at += negative;
    double x = 0;
    u32 places = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        x = x * 10 + (*at - '0');
    if (at < end && *at == '.')
        for (at++; at < end && *at >= '0' && *at <= '9'; at++)
            if (places < 9)
                x = x * 10 + (*at - '0'), places++;
    *out = (negative ? -x : x) / powers[places];
    return at > begin + negative;
}

static int string(const char **text, u32 *length) {
    if (at == end || *at != '"')
        return 0;
    *text = ++at;
    while (at < end && *at != '"') {
        if (*at == '\\')
            at++;
        at++;
    }
    if (at >= end)
        return 0;
    *length = (u32)(at++ - *text);
    return 1;
}

/* The members up to `close`; those of an object have names. */
static int members(struct value *parent, char close, u32 depth) {
    u32 *link = &parent->first;
    at++;
    space();
    if (at < end && *at == close)
        return at++, 1;
    for (;;) {
        const char *name = 0;
        u32 length = 0;
        space();
        if (close == '}') {
            if (!string(&name, &length))
                return 0;
            space();
            if (at == end || *at++ != ':')
                return 0;
        }
        struct value *child = parse(depth + 1);
        if (!child)
            return 0;
        child->name = name, child->name_length = length;
        *link = (u32)(child - values);
        link = &child->next;
        space();
        if (at == end || (*at != ',' && *at != close))
            return 0;
        if (*at++ == close)
            return 1;
    }
}

static struct value *parse(u32 depth) {
    space();
    if (at == end || used == LENGTH(values) || depth > 100)
        return 0;
    struct value *value = &values[used++];
    *value = (struct value){NIL, 0, 0, 0, 0, 0, 0, 0};
    int good;
    switch (*at) {
    case '{':
        value->kind = OBJECT;
        good = members(value, '}', depth);
        break;
    case '[':
        value->kind = ARRAY;
        good = members(value, ']', depth);
        break;
    case '"':
        value->kind = STRING;
        good = string(&value->text, &value->length);
        break;
    case 't':
    case 'f':
        value->kind = BOOLEAN;
        value->number = *at == 't';
        good = word(*at == 't' ? "true" : "false");
        break;
    case 'n':
        good = word("null");
        break;
    default:
        value->kind = NUMBER;
        good = number(&value->number);
    }
    return good ? value : 0;
}

const struct value *json_parse(const char *text, u32 length) {
    at = text, end = text + length;
    /* Number 0 means none. */
    used = 1;
    const struct value *root = parse(0);
    space();
    return at == end ? root : 0;
}

const struct value *json_child(const struct value *value) {
    return value->first ? &values[value->first] : 0;
}

const struct value *json_next(const struct value *value) {
    return value->next ? &values[value->next] : 0;
}

const struct value *json_get(const struct value *object, const char *name) {
    for (const struct value *v = json_child(object); v; v = json_next(v)) {
        u32 i = 0;
        while (i < v->name_length && name[i] == v->name[i])
            i++;
        if (i == v->name_length && !name[i])
            return v;
    }
    return 0;
}
