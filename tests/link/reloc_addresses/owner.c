int scalar = 5;
int zeroed[100];
double array[3] = { 1.5, 2.5, 3.5 };

void owner_addresses(const void **out)
{
	out[0] = &scalar;
	out[1] = zeroed;
	out[2] = &array[1];
}
