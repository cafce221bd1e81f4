#include <stdio.h>

struct node {
    int value;
    struct node *next;
    const char *name;
    double *weight;
    char **words;
    int (*change)(int);
};

static double one = 1.5, other = 2.5;
static char *words[3] = { "alpha", "beta", 0 };

static int twice(int n)
{
    return 2 * n;
}

static int thrice(int n)
{
    return 3 * n;
}

static struct node third = { 3, 0, "third", &other, words, thrice };
static struct node second = { 2, &third, "second", &other, words, twice };
static struct node first = { 1, &second, "first", &one, 0, 0 };
static const char *names[] = { "one", "two" };
static struct node *all[] = { &first, &second, &third };

int look(struct node *p, struct node **pp)
{
    struct node copy = *p;
    return copy.value + names[0][0] + all[1]->change((*pp)->value);
}

int main(int argc, char **argv)
{
    struct node *list = &first;
    if (argc > 1)
        __builtin_trap();
    printf("%d\n", look(list->next, &list));
    return 0;
}
