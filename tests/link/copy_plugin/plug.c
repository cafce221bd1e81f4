extern int number;
static int *pointer = &number;
int plug(int x) { return *pointer += x; }
