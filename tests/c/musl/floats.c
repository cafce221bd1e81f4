/* Floating point as text and back. long double is wider here than on the
   host: of it, what both can hold. */

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double numbers[] = {
	0, -0.0, 1, -1, 0.1, 1.0 / 3, 2.5, 3.5, 1e21, 123456789.125, 1e-7, 5e-324,
	DBL_MIN, DBL_MAX, DBL_EPSILON, 9007199254740993, -1e100, 0.5, 1e15, 99999.95,
};

static void formats(double x)
{
	printf("%f %.0f %.3f %10.2f|%-12.4f|%+f %#.0f\n", x, x, x, x, x, x, x);
	printf("%e %.10E %g %G %.17g %#g\n", x, x, x, x, x, x);
	printf("%015.3f % .2e\n", x, x);
	/* The first digit of a subnormal number is up to the library. */
	if (fpclassify(x) != FP_SUBNORMAL)
		printf("%a %.3a %A\n", x, x, x);
}

static void there_and_back(double x)
{
	char text[64];
	snprintf(text, sizeof text, "%.17g", x);
	double back = strtod(text, NULL);
	printf("%s %s\n", text, back == x && signbit(back) == signbit(x) ? "same" : "other");
}

int main(void)
{
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		formats(numbers[i]);
		there_and_back(numbers[i]);
	}
	printf("%f %F %e %g\n", INFINITY, INFINITY, -INFINITY, (double)NAN);
	for (int i = 0; i < 20; i++) {
		double x = i * 0.7 - 5;
		printf("%.10g %.10g %.10g %.10g %.10g\n", sin(x), exp(x), atan(x), cbrt(x), tanh(x));
		printf("%.10g %.10g %g %g\n", sqrt(x * x), pow(x * x, 0.3), floor(x), rint(x));
	}
	printf("%.10g %.10g %.10g\n", lgamma(4.5), tgamma(4.5), erf(0.3));

	long double third = 1.0L / 3, sum = 0;
	for (int i = 1; i <= 1000; i++)
		sum += third * i;
	printf("%.15Lf %.12Lg %Le\n", third, sum, sum * sum);
	printf("%.12Lf %.12Lf\n", sqrtl(2), strtold("1.4142135623730950488", NULL));
	float narrow;
	int whole, taken = sscanf("12 3.75 0x1.8p3", "%d %f", &whole, &narrow);
	printf("%d %d %g %g\n", taken, whole, narrow, strtod("0x1.8p3", NULL));
	return 0;
}
