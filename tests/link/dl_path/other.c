int which(int x) { return 200 + x; }
