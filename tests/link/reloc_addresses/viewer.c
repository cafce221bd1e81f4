extern int scalar, zeroed[100];
extern double array[3];

void viewer_addresses(const void **out)
{
	out[0] = &scalar;
	out[1] = zeroed;
	out[2] = &array[1];
	zeroed[50] = 77;
}
