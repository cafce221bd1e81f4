/* A thousand pointers, backwards. */

extern int grid[1000];
#define P(n) &grid[999 - (n)]
#define TEN(n) P(n), P(n + 1), P(n + 2), P(n + 3), P(n + 4), P(n + 5), P(n + 6), P(n + 7), \
	P(n + 8), P(n + 9)
#define HUNDRED(n) TEN(n), TEN(n + 10), TEN(n + 20), TEN(n + 30), TEN(n + 40), TEN(n + 50), \
	TEN(n + 60), TEN(n + 70), TEN(n + 80), TEN(n + 90)

int *pointers[1000] = {
	HUNDRED(0), HUNDRED(100), HUNDRED(200), HUNDRED(300), HUNDRED(400),
	HUNDRED(500), HUNDRED(600), HUNDRED(700), HUNDRED(800), HUNDRED(900),
};

int **index_of(int i)
{
	return &pointers[i];
}
