int plug_value = 1;
int plug_function(int x) { return x + plug_value; }
int plug_other(int x) { return x - plug_value; }
