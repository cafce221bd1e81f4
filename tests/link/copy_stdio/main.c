/* stdout is libc's variable. */

#include <stdio.h>

FILE *user_stdout(void);
void user_print(FILE *);

int main(void)
{
	fprintf(stdout, "by main\n");
	user_print(stdout);
	fprintf(user_stdout(), "%d\n", user_stdout() == stdout);
	return 0;
}
