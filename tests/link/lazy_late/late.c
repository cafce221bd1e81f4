int late(int x, double y) { return (int)(x * y * 100); }
