/* Streams that threads share: no line is torn, and none is lost. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, LINES = 300 };

static FILE *shared;
static char seen[THREADS][LINES];

static void *print(void *p)
{
	int me = (int)(long)p;
	for (int i = 0; i < LINES; i++)
		fprintf(shared, "thread %d line %d %s %g\n", me, i, "of many", i / 4.0);
	return NULL;
}

static void *print_locked(void *p)
{
	int me = (int)(long)p;
	for (int i = 0; i < LINES; i++) {
		flockfile(shared);
		fputs("thread ", shared);
		putc_unlocked('0' + me, shared);
		fprintf(shared, " line %d", i);
		fprintf(shared, " of many %g\n", i / 4.0);
		funlockfile(shared);
	}
	return NULL;
}

static void *say(void *p)
{
	for (int i = 0; i < 25; i++)
		puts("all say the same");
	return p;
}

static FILE *source;

/* Reads lines, each of which comes to one thread. */
static void *read_(void *p)
{
	char *line = NULL;
	size_t room = 0;
	long sum = 0;
	while (getline(&line, &room, source) > 0)
		sum += atol(line);
	free(line);
	(void)p;
	return (void *)sum;
}

static void *own(void *p)
{
	int me = (int)(long)p;
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	for (int i = 0; i < LINES; i++)
		fprintf(stream, "%d,", me * i);
	fclose(stream);
	long sum = 0;
	for (size_t i = 0; i < size; i++)
		sum += text[i];
	free(text);
	return (void *)sum;
}

static long all(void *(*work)(void *))
{
	pthread_t threads[THREADS];
	void *result;
	long sum = 0;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	return sum;
}

static void check(const char *name, void *(*work)(void *))
{
	char *text, *next;
	size_t size;
	int whole = 0, me, line, at;
	double number;
	memset(seen, 0, sizeof seen);
	shared = open_memstream(&text, &size);
	all(work);
	fclose(shared);
	for (char *rest = text; *rest; rest = next) {
		next = strchr(rest, '\n') + 1;
		if (sscanf(rest, "thread %d line %d of many %lf%n", &me, &line, &number, &at) == 3
			&& rest[at] == '\n' && number == line / 4.0) {
			whole++;
			seen[me][line]++;
		}
	}
	int missing = 0;
	for (int i = 0; i < THREADS * LINES; i++)
		missing += seen[0][i] != 1;
	printf("%s: whole %d, missing %d, bytes %zu\n", name, whole, missing, size);
	free(text);
}

int main(void)
{
	check("printed", print);
	check("locked", print_locked);
	all(say);

	char *lines = malloc(12 * 1000);
	int used = 0;
	for (int i = 0; i < 1000; i++)
		used += sprintf(lines + used, "%d\n", i * 7);
	source = fmemopen(lines, used, "r");
	printf("read %ld\n", all(read_));
	fclose(source);
	free(lines);

	printf("own %ld\n", all(own));
	return 0;
}
