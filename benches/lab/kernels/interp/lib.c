#include "vm.h"

static u32 stack[1024], store[1 << 16], locals[1 << 12], calls[256];

u32 vm_run(const u8 *code, u32 entry, u32 (*host)(u32)) {
    const u8 *pc = code + entry;
    u32 *top = stack, *frame = locals, depth = 0;
    enum { FRAME = 8 };
    for (;;) {
        u32 op = *pc++, number = pc[0] | (u32)pc[1] << 8;
        switch (op) {
        case HALT:
            return *top;
        case PUSH:
            pc += 2;
            *++top = number;
            break;
        case LOAD:
            pc += 2;
            *++top = frame[number];
            break;
        case STORE:
            pc += 2;
            frame[number] = *top--;
            break;
        case GET:
            *top = store[*top % LENGTH(store)];
            break;
        case SET:
            store[top[-1] % LENGTH(store)] = top[0];
            top -= 2;
            break;
        case ADD:
            top--;
            *top += top[1];
            break;
        case SUB:
            top--;
            *top -= top[1];
            break;
        case MUL:
            top--;
            *top *= top[1];
            break;
        case AND:
            top--;
            *top &= top[1];
            break;
        case XOR:
            top--;
            *top ^= top[1];
            break;
        case SHIFT:
            top--;
            *top >>= top[1] & 31;
            break;
        case LESS:
            top--;
            *top = *top < top[1];
            break;
        case EQUAL:
            top--;
            *top = *top == top[1];
            break;
        case JUMP:
            pc = code + number;
            break;
        case JUMP_IF_NOT:
            pc = *top-- ? pc + 2 : code + number;
            break;
        case CALL:
            calls[depth++ % LENGTH(calls)] = (u32)(pc + 2 - code);
            frame += FRAME;
            pc = code + number;
            break;
        case RETURN:
            frame -= FRAME;
            pc = code + calls[--depth % LENGTH(calls)];
            break;
        case HOST:
            *top = host(*top);
            break;
        default:
            return 0;
        }
    }
}
