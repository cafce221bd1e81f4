/* Pointers to functions of libraries, in code and in data of a main at fixed
 * addresses: of any type, equal everywhere, and different from what only calls
 * the same function. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void any(void);
int plain(int), sum(int, ...), only_called(int), through(int), interposed(int);
double mixed(int, double, long long, float);
void nothing(void);
any *second_pointer(int);
int second_call(int (*)(int), int), second_is_plain(any *);
extern any *table[];
extern int absent(int) __attribute__((weak));

/* Stands for nothing: it has an address of its own, before plain's in the table. */
int wrapper(int x) { return plain(x); }
int (*volatile of_wrapper)(int) = wrapper;
int (*volatile of_plain)(int) = plain;

/* Main's own, which libfirst has too. */
int interposed(int x) { return 1000 + x; }

static int ascending(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(void)
{
	any *mine[] = { (any *)plain, (any *)mixed, (any *)nothing, (any *)sum, (any *)interposed };

	for (int i = 0; i < 5; i++)
		printf("%d %d\n", mine[i] == table[i], mine[i] == second_pointer(i));
	printf("%d %d\n", of_wrapper == of_plain, second_is_plain((any *)of_wrapper));
	printf("%d %d\n", of_wrapper(1), of_plain(1));
	printf("%d %d\n", second_call(plain, 5), second_call(of_wrapper, 6));
	printf("%g\n", ((double (*)(int, double, long long, float))table[1])(1, 2.5, 3, 0.25f));
	printf("%d %d\n", ((int (*)(int, ...))table[3])(3, 1, 2, 3), sum(2, 40, 2));
	((void (*)(void))mine[2])();
	printf("%d %d %d\n", plain(1), only_called(6), mixed(1, 1, 1, 1) == 4);
	printf("%d %d\n", through(1), second_call(interposed, 2));
	printf("%d\n", absent != 0);

	char *words[] = { "pear", "apple", "fig" };
	void (*volatile sort)(void *, size_t, size_t, int (*)(const void *, const void *)) = qsort;
	sort(words, 3, sizeof *words, ascending);
	printf("%s %s %s\n", words[0], words[1], words[2]);
	void *(*volatile get)(size_t) = malloc;
	void (*volatile give)(void *) = free;
	char *room = get(4);
	strcpy(room, "ok");
	puts(room);
	give(room);
	return 0;
}
