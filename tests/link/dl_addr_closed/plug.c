int value = 1;
int plug(int x) { return x + value; }
