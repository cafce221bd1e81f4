int work(int x) { return 1000 * x; }
