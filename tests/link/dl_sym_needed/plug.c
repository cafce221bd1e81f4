int of_plug(int x) { return x; }
