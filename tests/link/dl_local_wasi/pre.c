int only(void) { return 20; }
