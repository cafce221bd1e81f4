int linked_value = 1, linked_array[10];
int linked_function(int x) { return x; }
