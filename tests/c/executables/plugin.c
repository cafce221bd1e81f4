int twice(int x);

int answer(int x)
{
	return 100 * twice(x);
}
