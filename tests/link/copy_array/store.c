int array[1000] = { [0] = 1, [500] = 2, [999] = 3 };
short zeroed[300];
_Alignas(64) char aligned[64] = "aligned";

int store_sum(void)
{
	int sum = 0;
	for (int i = 0; i < 1000; i++)
		sum += array[i];
	for (int i = 0; i < 300; i++)
		sum += zeroed[i];
	return sum;
}
