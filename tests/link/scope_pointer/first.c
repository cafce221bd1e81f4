int twice(int x)
{
	return 2000 + x;
}
