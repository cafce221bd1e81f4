int of_x(int x) { return 10 + x; }
