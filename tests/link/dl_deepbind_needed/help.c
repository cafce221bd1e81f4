int work(int);
extern int value;
static int *volatile pointer = &value;
int help(int x) { return work(x) + 1000 * *pointer; }
