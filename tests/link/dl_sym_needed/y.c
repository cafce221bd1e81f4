int name(int x) { return 200 + x; }
int second(int x) { return 20 + x; }
