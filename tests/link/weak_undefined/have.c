int there_value = 7;

int there(int x)
{
	return x + 1;
}
