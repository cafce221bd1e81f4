int late_value = 3;
int late(int x) { return x; }
int first_or_second = 1;
