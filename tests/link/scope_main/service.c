int level = 1;

int policy(int x)
{
	return x + 1;
}

int *service_level(void)
{
	return &level;
}
