int leaf(int x) { return 100 + x; }
