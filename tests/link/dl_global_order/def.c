int value = N;
int work(int x) { return 100 * N + x; }
