/* The same names in two local libraries. */
int count;
static int calls;

int next(int x)
{
	static int more = 5;
	more += calls++;
	count += STEP;
	return count + 100 * calls + 10000 * more + x;
}
