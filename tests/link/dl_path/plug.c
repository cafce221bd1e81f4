int which(int x) { return 100 + x; }
