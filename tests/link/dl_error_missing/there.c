int there(int x) { return x; }
