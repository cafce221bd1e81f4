int which(int x)
{
	return x + N;
}
