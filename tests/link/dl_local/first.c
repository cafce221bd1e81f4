int shared_value = 1;
int from_first(int x) { return x + shared_value; }
