int counter;

int next(void)
{
	return ++counter;
}
