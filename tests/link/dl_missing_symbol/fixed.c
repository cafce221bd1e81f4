int nowhere(int x) { return 1000 + x; }
