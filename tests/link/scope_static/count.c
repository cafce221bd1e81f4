/* The same source twice: twice the state. */

static int count;

static int *counter(void)
{
	static int calls;
	calls++;
	count += 100 * (calls == 3);
	return &count;
}

int FUNCTION(void)
{
	return *counter() += DIRECTION;
}
