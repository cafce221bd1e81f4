/* qsort calls back from libc into the program. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int calls;

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	calls++;
	return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(void)
{
	static int numbers[10000];
	unsigned state = 7;
	for (int i = 0; i < 10000; i++)
		numbers[i] = (state = state * 1103515245 + 12345) >> 16;
	qsort(numbers, 10000, sizeof *numbers, by_value);
	for (int i = 1; i < 10000; i++)
		if (numbers[i - 1] > numbers[i])
			return 1;
	int *found = bsearch(&numbers[4321], numbers, 10000, sizeof *numbers, by_value);
	printf("%d %d %d %d %s\n", numbers[0], numbers[5000], numbers[9999],
		found && *found == numbers[4321], calls > 10000 ? "compared" : "guessed");

	char *words[] = { "so", "many", "words", "to", "be", "sorted", "by", "a", "function" };
	qsort(words, 9, sizeof *words, by_text);
	for (int i = 0; i < 9; i++)
		printf("%s%c", words[i], i < 8 ? ' ' : '\n');
	return 0;
}
