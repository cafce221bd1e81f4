int name(int x) { return 100 + x; }
int only_linked(int x) { return x; }
