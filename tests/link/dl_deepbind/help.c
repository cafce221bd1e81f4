int help(int x) { return 300 + x; }
int help_only(int x) { return 400 + x; }
