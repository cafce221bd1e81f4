#include "kernel.h"

/* A machine with a stack: each instruction is a byte; those with a number have
   16 bits of it after them. */
enum op {
    HALT,
    PUSH,     /* number */
    LOAD,     /* local */
    STORE,    /* local */
    GET,      /* from the store, at the address on the stack */
    SET,      /* to the store */
    ADD, SUB, MUL, AND, XOR, SHIFT, LESS, EQUAL,
    JUMP,     /* where to */
    JUMP_IF_NOT,
    CALL,     /* where to; the local variables of the callee come after ours */
    RETURN,
    HOST,     /* asks the program around */
};

/* Runs from `entry`; what is on top of the stack at the end. */
u32 vm_run(const u8 *code, u32 entry, u32 (*host)(u32));
