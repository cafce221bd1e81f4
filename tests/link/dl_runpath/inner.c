int inner(int x) { return 3 * x; }
