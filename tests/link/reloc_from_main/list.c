struct node {
	int value;
	struct node *next;
};

struct node third = { 3, 0 }, second = { 2, &third }, first = { 1, &second };
int counter = 41;

int bump(int by)
{
	return counter += by;
}
