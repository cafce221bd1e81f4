int who(int x) { return 100 + x; }
int only_linked(int x) { return 200 + x; }
