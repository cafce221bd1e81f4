/* stdout and stderr are data of libc.so; two objects may not be one. */

#include <stdio.h>

int main(int argc, char **argv)
{
	(void)argv;
	fprintf(stdout, "hey there: %p %p\n", (void *)stdout, (void *)stderr);
	return argc - 1;
}
