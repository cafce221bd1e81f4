int tune(int), keep(int);
extern int setting, other_setting;

int client(int x)
{
	return 1000 * tune(x) + 100 * keep(x) + 10 * setting + other_setting;
}
