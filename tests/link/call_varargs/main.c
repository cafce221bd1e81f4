#include <stdio.h>

double sum(const char *, ...);
int forward(char *, const char *, ...);

int main(void)
{
	char text[200];

	for (int i = 0; i < 2; i++) {
		printf("%g\n", sum("idlsdiiiiiidddddddddl", 1, 0.5, 1LL << 40, "a", 2.5, 1, 2, 3, 4, 5, 6, 1.,
				   2., 3., 4., 5., 6., 7., 8., 9., -1LL));
		int length = forward(text, "%d %s %g %lld %c %x", i, "text", 1.25, -5LL, 'z', 0xbeefu);
		printf("%d %s\n", length, text);
	}
	printf("%g\n", sum(""));
	return 0;
}
