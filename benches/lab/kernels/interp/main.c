/* A program for a machine of bytecode: primes by a sieve, Fibonacci numbers by
   recursion, and a sequence that it asks of its host. */
#include "vm.h"

static u8 code[512];
static u32 size, asked;

static u32 host(u32 x) {
    asked++;
    return x * 1664525u + 1013904223u;
}

static u32 op(enum op op) {
    code[size] = (u8)op;
    return size++;
}

/* Answers where the number is, to be set later. */
static u32 op2(enum op op, u32 number) {
    code[size++] = (u8)op;
    code[size++] = (u8)number;
    code[size++] = (u8)(number >> 8);
    return size - 2;
}

static void here(u32 at) {
    code[at] = (u8)size;
    code[at + 1] = (u8)(size >> 8);
}

/* local = local + number */
static void advance(u32 local, enum op what, u32 number) {
    op2(LOAD, local), op2(what, number), op(ADD), op2(STORE, local);
}

/* Leaves the n-th number for n in local 0. */
static u32 fibonacci(void) {
    u32 entry = size;
    op2(LOAD, 0), op2(PUSH, 2), op(LESS);
    u32 large = op2(JUMP_IF_NOT, 0);
    op2(LOAD, 0), op(RETURN);
    here(large);
    /* Locals of the callee begin 8 further on. */
    for (u32 less = 1; less <= 2; less++) {
        op2(LOAD, 0), op2(PUSH, less), op(SUB), op2(STORE, 8);
        op2(CALL, entry);
    }
    op(ADD), op(RETURN);
    return entry;
}

/* Counts the primes below `limit` in local 4. */
static void sieve(u32 limit) {
    op2(PUSH, 0), op2(STORE, 4), op2(PUSH, 2), op2(STORE, 1);
    u32 clear = size;
    op2(LOAD, 1), op2(PUSH, 0), op(SET), advance(1, PUSH, 1);
    op2(LOAD, 1), op2(PUSH, limit), op(LESS), op2(PUSH, 0), op(EQUAL);
    op2(JUMP_IF_NOT, clear);
    op2(PUSH, 2), op2(STORE, 1);
    u32 loop = size;
    op2(LOAD, 1), op(GET), op2(PUSH, 0), op(EQUAL);
    u32 composite = op2(JUMP_IF_NOT, 0);
    advance(4, PUSH, 1);
    op2(LOAD, 1), op2(LOAD, 1), op(ADD), op2(STORE, 2);
    u32 strike = size;
    op2(LOAD, 2), op2(PUSH, limit), op(LESS);
    u32 done = op2(JUMP_IF_NOT, 0);
    op2(LOAD, 2), op2(PUSH, 1), op(SET), advance(2, LOAD, 1);
    op2(JUMP, strike);
    here(done), here(composite);
    advance(1, PUSH, 1);
    op2(LOAD, 1), op2(PUSH, limit), op(LESS), op2(PUSH, 0), op(EQUAL);
    op2(JUMP_IF_NOT, loop);
}

/* Mixes `count` answers of the host into local 5. */
static void ask(u32 count) {
    op2(PUSH, count), op2(STORE, 1);
    u32 loop = size;
    op2(LOAD, 5), op(HOST), op2(LOAD, 1), op(XOR), op2(STORE, 5);
    op2(LOAD, 1), op2(PUSH, 1), op(SUB), op2(STORE, 1);
    op2(LOAD, 1), op2(PUSH, 0), op(EQUAL);
    op2(JUMP_IF_NOT, loop);
}

static u32 assemble(void) {
    size = 0;
    u32 recursive = fibonacci(), entry = size;
    op2(PUSH, 1), op2(STORE, 5);
    sieve(8000);
    ask(5000);
    op2(PUSH, 16), op2(STORE, 8), op2(CALL, recursive);
    op2(LOAD, 4), op(XOR), op2(LOAD, 5), op(XOR), op(HALT);
    return entry;
}

int run(int n) {
    u32 sum = 0, entry = assemble();
    asked = 0;
    for (int i = 0; i < n; i++)
        sum = mix(sum, vm_run(code, entry, host));
    return (int)mix(sum, asked);
}
