extern int level;
int policy(int);

int client(int x)
{
	return policy(x) * level;
}

int *client_level(void)
{
	return &level;
}
