/* Regular expressions: `.`, sets, `*`, `+`, `?`, `|`, groups, `^` and `$`;
   compiled to a small program that is run for all threads at once (Thompson). */
#include "regex.h"

enum op { CHARACTER, ANY, SET, SPLIT, JUMP, BEGIN, END, MATCH };

struct instruction {
    u8 op, character;
    u16 x, y;
};

static struct instruction program[512];
static u32 sets[32][8];
static u16 size, set_count;
static const char *at;
static int wrong;

static u16 emit(struct instruction instruction) {
    if (size == LENGTH(program)) {
        wrong = 1;
        return 0;
    }
    program[size] = instruction;
    return size++;
}

/* Makes room for an instruction before those from `from` on. */
static void insert(u16 from, struct instruction instruction) {
    emit(instruction);
    for (u16 i = (u16)(size - 1); i > from; i--) {
        program[i] = program[i - 1];
        if (program[i].op == SPLIT || program[i].op == JUMP) {
            program[i].x += program[i].x >= from;
            program[i].y += program[i].y >= from;
        }
    }
    program[from] = instruction;
}

static void alternatives(void);

static void set(void) {
    if (set_count == LENGTH(sets)) {
        wrong = 1;
        return;
    }
    u32 *bits = sets[set_count];
    u32 invert = *at == '^' ? ~0u : 0;
    at += *at == '^';
    for (u32 i = 0; i < 8; i++)
        bits[i] = 0;
    while (*at && *at != ']') {
        u8 low = (u8)*at++, high = low;
        if (*at == '-' && at[1] && at[1] != ']') {
            high = (u8)at[1];
            at += 2;
        }
        for (u32 c = low; c <= high; c++)
            bits[c / 32] |= 1u << c % 32;
    }
    if (*at)
        at++;
    else
        wrong = 1;
    for (u32 i = 0; i < 8; i++)
        bits[i] ^= invert;
    emit((struct instruction){SET, 0, set_count++, 0});
}

static void atom(void) {
    char c = *at++;
    switch (c) {
    case '(':
        alternatives();
        if (*at == ')')
            at++;
        else
            wrong = 1;
        break;
    case '[':
        set();
        break;
    case '.':
        emit((struct instruction){ANY, 0, 0, 0});
        break;
    case '^':
        emit((struct instruction){BEGIN, 0, 0, 0});
        break;
    case '$':
        emit((struct instruction){END, 0, 0, 0});
        break;
    default:
        if (c == '\\' && *at)
            c = *at++;
        emit((struct instruction){CHARACTER, (u8)c, 0, 0});
    }
}

static void repeated(void) {
    u16 from = size;
    atom();
    for (; *at == '*' || *at == '+' || *at == '?'; at++) {
        if (*at == '+') {
            emit((struct instruction){SPLIT, 0, from, (u16)(size + 1)});
            continue;
        }
        u16 after = (u16)(size + (*at == '*' ? 2 : 1));
        insert(from, (struct instruction){SPLIT, 0, (u16)(from + 1), after});
        if (*at == '*')
            emit((struct instruction){JUMP, 0, from, 0});
    }
}

static void sequence(void) {
    while (*at && *at != '|' && *at != ')' && !wrong)
        repeated();
}

static void alternatives(void) {
    u16 from = size;
    sequence();
    if (*at != '|')
        return;
    at++;
    insert(from, (struct instruction){SPLIT, 0, (u16)(from + 1), (u16)(size + 2)});
    u16 jump = emit((struct instruction){JUMP, 0, 0, 0});
    alternatives();
    program[jump].x = size;
}

int regex_compile(const char *pattern) {
    at = pattern;
    size = set_count = 0;
    wrong = 0;
    alternatives();
    emit((struct instruction){MATCH, 0, 0, 0});
    return !wrong && !*at;
}

struct threads {
    u16 list[LENGTH(program)];
    u32 count;
};

static struct threads now, later;
static u32 seen[LENGTH(program)], generation;

static void add(struct threads *threads, u16 pc, int begin, int end) {
    for (;;) {
        if (seen[pc] == generation)
            return;
        seen[pc] = generation;
        const struct instruction *i = &program[pc];
        switch (i->op) {
        case JUMP:
            pc = i->x;
            continue;
        case SPLIT:
            add(threads, i->x, begin, end);
            pc = i->y;
            continue;
        case BEGIN:
            if (!begin)
                return;
            pc++;
            continue;
        case END:
            if (!end)
                return;
            pc++;
            continue;
        default:
            threads->list[threads->count++] = pc;
            return;
        }
    }
}

static int step(const struct instruction *i, u8 c) {
    switch (i->op) {
    case CHARACTER:
        return i->character == c;
    case ANY:
        return 1;
    case SET:
        return sets[i->x][c / 32] >> c % 32 & 1;
    default:
        return 0;
    }
}

int regex_search(const char *text, u32 length) {
    int last = -1;
    now.count = 0;
    generation++;
    for (u32 at = 0;; at++) {
        /* A match may begin here as long as none is found. */
        if (last < 0)
            add(&now, 0, at == 0, at == length);
        generation++;
        later.count = 0;
        for (u32 t = 0; t < now.count; t++) {
            const struct instruction *i = &program[now.list[t]];
            if (i->op == MATCH)
                last = (int)at;
            else if (at < length && step(i, (u8)text[at]))
                add(&later, (u16)(now.list[t] + 1), 0, at + 1 == length);
        }
        if (at == length || (last >= 0 && !later.count))
            return last;
        struct threads *from = &later;
        for (u32 t = 0; t < from->count; t++)
            now.list[t] = from->list[t];
        now.count = from->count;
    }
}
