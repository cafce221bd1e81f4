typedef int step(int, void *);

int repeat(int times, step *function, void *data)
{
	int value = 0;
	for (int i = 0; i < times; i++)
		value = function(value, data);
	return value;
}
