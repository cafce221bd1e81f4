int linked_value = 1, linked_array[10], unused_value = 3;
int linked_function(int x) { return x; }
