/* Nothing but main defines these. */

extern int limit;
int visit(int);

int run(void)
{
	int sum = 0;
	for (int i = 0; i < limit; i++)
		sum += visit(i);
	return sum;
}
