int present_value = 7;

int present(int value)
{
	return value + 1;
}
