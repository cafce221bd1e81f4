int level = 2, help_level = 20;
int shared(int x) { return 200 + x; }
int helped(int x) { return 300 + x; }
