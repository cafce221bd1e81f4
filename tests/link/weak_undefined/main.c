/* An undefined weak reference is null, in code and in data. */

void report(void);

int main(void)
{
	report();
	return 0;
}
