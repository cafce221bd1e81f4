/* clang makes setjmp and longjmp of exceptions (-mllvm -wasm-enable-sjlj), and
   knows them by these names alone. See src/setjmp/setjmp.c. */

typedef unsigned long __jmp_buf[4];

#define _setjmp setjmp
#define _longjmp longjmp
