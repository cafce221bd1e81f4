// The other module: its words go over by copies, since its heap is its own.
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#define FROM(name) __attribute__((import_module("words"), import_name(#name)))
FROM(room) unsigned room(unsigned bytes);
FROM(keep) unsigned keep(unsigned word);
FROM(sort) void sort(void);
FROM(word) unsigned word(unsigned number);
FROM(measure) unsigned measure(unsigned word);
FROM(echo) int echo(int value);

// The host's: between this heap and the other.
#define HOST(name) __attribute__((import_module("host"), import_name(#name)))
HOST(copy_to) void copy_to(unsigned theirs, const void *ours, unsigned bytes);
HOST(copy_from) void copy_from(void *ours, unsigned theirs, unsigned bytes);

static void give(const char *text)
{
	unsigned bytes = strlen(text) + 1;
	unsigned there = room(bytes);
	copy_to(there, text, bytes);
	keep(there);
}

static int base = 100;

__attribute__((export_name("shout"))) int shout(int value) { return base + value; }

__attribute__((export_name("tell"))) const char *tell(void)
{
	static char all[100];
	give("pear");
	give("apple");
	give("fig");
	sort();
	for (unsigned i = 0; i < 3; i++) {
		unsigned there = word(i), bytes = measure(there);
		char *here = malloc(bytes);
		copy_from(here, there, bytes);
		strcat(strcat(all, here), " ");
		free(here);
	}
	snprintf(all + strlen(all), 20, "%d", echo(5));
	return all;
}

__attribute__((export_name("overreach"))) void overreach(void) { copy_from(&base, 0xfffffffe, 4); }
