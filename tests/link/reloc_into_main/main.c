/* A library's static data point into main. */

#include <stdio.h>

int peek(void);
const char *peek_text(void);

int main_values[5] = { 10, 20, 30, 40, 50 };
struct pair { int key; const char *text; } main_pair = { 1, "text of main" };

int main_function(int x)
{
	return 1000 * x;
}

int main(void)
{
	int before = peek();
	main_values[0] = 11;
	int after = peek();
	printf("%d %d %d %s\n", before, after, main_values[4], peek_text());
	return 0;
}
