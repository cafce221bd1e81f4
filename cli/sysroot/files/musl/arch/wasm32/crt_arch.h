/* The start file is crt1.c beside this: the host starts no program on a stack. */
