/* Pointers into the data of another library, with addends. */

#include <stdio.h>

int view_letters(int), view_count(void);
void view_show(void);

int main(void)
{
	view_show();
	printf("%c%c%c %d\n", view_letters(0), view_letters(1), view_letters(2), view_count());
	return 0;
}
