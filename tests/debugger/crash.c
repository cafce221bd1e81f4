#include <stdio.h>

struct node {
    int value;
    struct node *next;
};

static struct node second = { 2, 0 }, first = { 1, &second };

static void deep(struct node *node, int depth)
{
    char text[8] = "deep";

    if (depth == 0) {
        node = (struct node *)0xfffffff0;
        printf("%d %s\n", node->next->value, text);
    } else
        deep(node->next ? node->next : node, depth - 1);
}

int main(int argc, char **argv)
{
    int answer = 42;

    if (argc == 1)
        deep(&first, 3);
    return answer;
}
