int help(int x) { return 70 + x; }
