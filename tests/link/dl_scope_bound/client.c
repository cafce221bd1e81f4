extern int late_value;
int late(int);
int client(int x) { return late(x) + late_value; }
