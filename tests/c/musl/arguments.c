/* Arguments and environment, of a program that was granted nothing else. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("argument %d %s\n", i, argv[i]);
	const char *value = getenv("WASMAOT_TEST_VALUE");
	printf("value %s\n", value ? value : "none");
	if (!fopen("/etc/passwd", "r"))
		printf("/etc/passwd: %s\n", strerror(errno));
	fputs("on the side\n", stderr);
	fputs("not yet flushed", stdout);
	return isatty(1) ? 1 : 7;
}
