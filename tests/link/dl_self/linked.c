int of_linked(int x) { return x + 1; }
int linked_value = 11;
