#include <stdarg.h>

struct point {
	double x, y;
};

struct big {
	int values[9];
	struct point at;
};

struct single {
	float value;
};

int many_ints(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j);
double many_doubles(double a, double b, double c, double d, double e, double f, double g, double h,
                    double i, double j, double k);
double mixed(int a, double b, long long c, float d, int e, double f, long long g, float h, int i,
             double j, long long k, float l, int m, double n, long long o, float p);
typedef double mixed_type(int, double, long long, float, int, double, long long, float, int, double,
                          long long, float, int, double, long long, float);
mixed_type *get_mixed(void);
long long wide(unsigned long long a, unsigned char b, signed char c, unsigned short d, short e);
struct point middle(struct point a, struct point b);
struct big make_big(int start, struct single s);
int sum_big(struct big b);
long long variadic(const char *kinds, ...);
long long variadic_list(const char *kinds, va_list list);
_Bool is_even(unsigned value);
float half(float value);
__int128 product(long long a, long long b);
