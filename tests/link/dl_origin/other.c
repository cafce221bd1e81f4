int which(int x)
{
	return x + 20;
}
