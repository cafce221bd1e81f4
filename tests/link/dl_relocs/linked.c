int linked_array[5] = { 1, 2, 3, 4, 5 };
int linked(int x) { return x + 1; }
