int value = VALUE;
int GET(void) { return value; }
