const char *in_all(void), *in_both(void);
extern int both_value;

const char *by_user_in_all(void)
{
	return in_all();
}

const char *by_user_in_both(void)
{
	return in_both();
}

int both_value_of_user(void)
{
	return both_value;
}
