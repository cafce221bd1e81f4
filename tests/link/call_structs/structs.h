struct one { int only; };
struct pair { int a; double b; };
struct big { int id; char name[20]; double values[5]; };

int by_value(struct one, struct pair, struct big, int);
struct one make_one(int);
struct pair make_pair(int, double);
struct big make_big(int, const char *);
struct big change(struct big, struct pair);
