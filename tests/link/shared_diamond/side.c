extern int counter;
int next(void);

int NAME(void)
{
	counter += 10;
	return next();
}
