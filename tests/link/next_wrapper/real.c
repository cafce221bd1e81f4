int work(int x) { return 2 * x; }
