static int log_[32], count;

void note(int x) { log_[count++] = x; }
int noted(int i) { return i < count ? log_[i] : -1; }
