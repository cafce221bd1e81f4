int plug(int x) { return 100 + x; }
