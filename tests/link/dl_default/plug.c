int who(int x) { return 300 + x; }
int only_plug(int x) { return 400 + x; }
