// clang-22 --target=wasm32 -Os -g -nostdlib -fno-builtin -Wl,--no-entry -Wl,--export-all -o debug.wasm debug.c
struct point { int x, y; };
static struct point points[4] = {{1, 2}, {3, 4}};
int (*operation)(const struct point *);
static int sum(const struct point *p) { return p->x + p->y; }
int total(int n) {
  int result = 0;
  operation = sum;
  for (int i = 0; i < n; i++)
    result += operation(&points[i & 3]);
  return result;
}
