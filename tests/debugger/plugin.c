struct item {
    int key;
    struct item *other;
};

static struct item second = { 2, 0 };
struct item first = { 1, &second };
int factor = 2;

int twice(int n)
{
    struct item *item = &first;
    int result = n * factor * item->key;
    return result;
}
