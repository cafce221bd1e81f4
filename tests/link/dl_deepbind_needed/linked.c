int value = 1;
int work(int x) { return 100 + x; }
