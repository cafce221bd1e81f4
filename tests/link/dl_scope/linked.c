int level = 1;
int shared(int x) { return 100 + x; }
