/* A main at fixed addresses has the library's variables in its own memory. */

#include <stdio.h>

extern int number;
extern double fraction;
extern char letter;
extern long long wide;
int store_number(void), viewer_letter(void), *viewer_number(void);
void store_set(int);

int main(void)
{
	printf("%d %g %c %lld\n", number, fraction, letter, wide);
	number = 43;
	letter = 'y';
	printf("%d %d %d\n", store_number(), *viewer_number(), viewer_letter());
	store_set(44);
	printf("%d %d\n", number, viewer_number() == &number);
	return 0;
}
