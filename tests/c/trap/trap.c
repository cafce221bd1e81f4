typedef int binary(int a, int b);

/* Not undefined to wasm, whose division traps: clang only may not know. */
int divide(int a, int b)
{
	__asm__("" : "+r"(b));
	return a / b;
}

binary *get_divide(void)
{
	return divide;
}

int apply(binary *call, int a, int b)
{
	return call(a, b) + 1;
}
