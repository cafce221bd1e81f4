/* There is no setjmp here; signal.h and the like want the type. */
typedef unsigned long __jmp_buf[1];
