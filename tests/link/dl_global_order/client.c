extern int value;
int work(int);
int client(int x) { return 1000 * value + work(x); }
