typedef int function(int);
int linked(int x) { return x + 1; }
function *linked_pointer(void) { return linked; }
