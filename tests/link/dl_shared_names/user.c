extern int number;
int get(int);
static int *const pointer = &number;
int user(int x) { return 100 * get(0) + 10 * *pointer + x; }
