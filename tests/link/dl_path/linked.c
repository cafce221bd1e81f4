int linked(int x) { return x; }
