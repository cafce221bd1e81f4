#include <stdio.h>

struct node {
    int value;
    struct node *next;
};

union number {
    int i;
    float f;
    unsigned char bytes[4];
};

struct flags {
    unsigned a : 3;
    int b : 5;
    unsigned long long c : 40;
};

enum color { RED, GREEN = 5, BLUE };

struct point {
    double x, y;
    int *count;
};

typedef struct node node_t;

int counter = 7;
static long long total = -5;
const char *greeting = "hello, world";
struct point origin = { 1.5, -2.25, &counter };
int primes[5] = { 2, 3, 5, 7, 11 };
struct node pool[2] = { { 1, 0 }, { 2, pool } };

int square(int n)
{
    static int calls = 40;
    int result = n * n;
    calls++;
    return result;
}

int factorial(int n)
{
    if (n <= 1)
        return 1;
    return n * factorial(n - 1);
}

double sum(node_t *list, float scale)
{
    double all = 0;
    for (const struct node *at = list; at; at = at->next) {
        int v = at->value;
        all += v * scale;
    }
    return all;
}

int main(int argc, char **argv)
{
    struct node third = { 30, 0 }, second = { 20, &third }, first = { 10, &second };
    union number number = { .f = 1.0f };
    struct flags flags = { 5, -3, 1ull << 33 };
    enum color color = GREEN;
    short matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
    char text[8] = "text";
    struct node *p = &first;
    double value = 2.5, *pvalue = &value;
    const char *string = greeting;
    struct point *point = &origin;
    _Bool yes = 1;
    unsigned char small = 200;
    long long big = 1ll << 40;
    float single = 0.1f;
    int s = square(6);
    int f = factorial(4);
    double d = sum(p, 0.5f);
    total += s + f + primes[argc] + (long long)point->x;
    printf("%d %d %g %s\n", s, f, d, string);
    return (counter + total + color + matrix[1][2] + yes + small + number.bytes[3] + flags.b +
            text[0] + (big > 0) + *pvalue + single + pool[1].value) > 0 ? 3 : 4;
}
