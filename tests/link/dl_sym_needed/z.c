int name(int x) { return 300 + x; }
int second(int x) { return 30 + x; }
int of_z(int x) { return 40 + x; }
