/* Arguments, environment and exit code. Run without either. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("argument %d %s\n", i, argv[i]);
	const char *value = getenv("WASMAOT_TEST_VALUE");
	printf("value %s\n", value ? value : "(none)");
	printf("no %s\n", getenv("NO_SUCH_VARIABLE") ? "is there" : "is not there");
	write(STDERR_FILENO, "on the side\n", 12);
	printf("not yet flushed");
	exit(7);
}
