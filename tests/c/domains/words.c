// A module with a heap of its own: it keeps the words that it is given.
#include <stdlib.h>
#include <string.h>

static char **words;
static unsigned count;

// Room in this heap for the caller to copy into.
__attribute__((export_name("room"))) char *room(unsigned bytes) { return malloc(bytes); }

__attribute__((export_name("keep"))) unsigned keep(char *word)
{
	words = realloc(words, (count + 1) * sizeof *words);
	words[count++] = word;
	return count;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

__attribute__((export_name("sort"))) void sort(void) { qsort(words, count, sizeof *words, by_name); }

__attribute__((export_name("word"))) const char *word(unsigned number) { return words[number]; }

__attribute__((export_name("measure"))) unsigned measure(const char *word) { return strlen(word) + 1; }

// Calls back into the other module.
__attribute__((import_module("teller"), import_name("shout"))) int shout(int);

__attribute__((export_name("echo"))) int echo(int value) { return shout(value) + 1; }
