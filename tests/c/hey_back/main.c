/* As `hey`, but the output comes back: main's fprintf is libc's, which writes
   the stream by calling main's function through the table. */

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int calls;

static ssize_t to_stdout(void *cookie, const char *text, size_t size)
{
	calls++;
	fprintf(stderr, "%s: call %d\n", (const char *)cookie, calls);
	return write(STDOUT_FILENO, text, size);
}

int main(void)
{
	char name[] = "cookie";
	cookie_io_functions_t functions = { .write = to_stdout };
	FILE *stream = fopencookie(name, "w", functions);
	if (!stream)
		return 1;
	fprintf(stream, "hey there: %p %p\n", (void *)stdout, (void *)stderr);
	if (fclose(stream) != 0)
		return 2;
	return calls > 0 ? 0 : 3;
}
