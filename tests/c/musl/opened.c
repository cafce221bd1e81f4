// Main has the same variable, and comes first.
int level = 1;

int get(void)
{
	return level;
}
