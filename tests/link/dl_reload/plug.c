static int count = 7;
static int zeroed[1000];
int exported = 1;
int *pointer = &exported;

int next(int by)
{
	zeroed[by] += 1;
	*pointer += 1;
	return (count += by) + 1000 * zeroed[by] + 100000 * exported;
}
