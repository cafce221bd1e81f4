#include <stdio.h>
#include <string.h>

#include <tree_sitter/api.h>

#include "data.h"

const TSLanguage *tree_sitter_c(void);

static char text[1 << 17];

static u32 write(void) {
    u32 state = 13;
    char *at = text;
    at += sprintf(at, "#include <stdio.h>\n\nstruct point { int x, y; struct point *next; };\n\n");
    for (u32 i = 0; i < 150; i++) {
        u32 a = next(&state), b = next(&state) % 99, c = next(&state) % 8, other = i ? next(&state) % i : 0;
        at += sprintf(at, "static int function%u(struct point *p, unsigned n)\n{\n    int sum = %u;\n", i, a % 999);
        at += sprintf(at, "    for (unsigned i = 0; i < n; i++, p = p->next) {\n        if (p->x > %u && !(p->y & %#x))\n", b, a);
        at += sprintf(at, "            sum += p->x * %u - (p->y << %u);\n        else\n            sum = function%u(p, n - 1) ? sum : -1;\n    }\n", b, c, other);
        at += sprintf(at, "    /* a comment %u */\n    printf(\"%%d %%s\\n\", sum, \"text %u\");\n    return sum;\n}\n\n", i, a);
    }
    return (u32)(at - text);
}

static u32 walk(TSTreeCursor *cursor, u32 sum) {
    do {
        TSNode node = ts_tree_cursor_current_node(cursor);
        sum = mix(mix(sum, ts_node_symbol(node)), ts_node_end_byte(node));
        if (ts_tree_cursor_goto_first_child(cursor)) {
            sum = walk(cursor, sum);
            ts_tree_cursor_goto_parent(cursor);
        }
    } while (ts_tree_cursor_goto_next_sibling(cursor));
    return sum;
}

int run(int n) {
    u32 sum = 0, length = write();
    TSParser *parser = ts_parser_new();
    if (!ts_parser_set_language(parser, tree_sitter_c()))
        return -1;
    for (int i = 0; i < n; i++) {
        TSTree *tree = ts_parser_parse_string(parser, NULL, text, length);
        TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(tree));
        sum = walk(&cursor, sum);
        ts_tree_cursor_delete(&cursor);
        ts_tree_delete(tree);
    }
    ts_parser_delete(parser);
    return (int)sum;
}
