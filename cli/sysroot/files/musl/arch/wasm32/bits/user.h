/* Nothing can look at a program's registers. */
#undef __WORDSIZE
#define __WORDSIZE 32

typedef struct { int __none; } elf_fpregset_t;
typedef unsigned long elf_greg_t, elf_gregset_t[1];
