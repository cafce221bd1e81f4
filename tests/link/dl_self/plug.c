int NAME(int x) { return x + 2; }
