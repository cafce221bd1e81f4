/* A thousand functions, each with an entry in the table. */

#define TEN(M, p) M(p##0) M(p##1) M(p##2) M(p##3) M(p##4) M(p##5) M(p##6) M(p##7) M(p##8) M(p##9)
#define HUNDRED(M, p) TEN(M, p##0) TEN(M, p##1) TEN(M, p##2) TEN(M, p##3) TEN(M, p##4) \
	TEN(M, p##5) TEN(M, p##6) TEN(M, p##7) TEN(M, p##8) TEN(M, p##9)
#define ALL(M) HUNDRED(M, f0) HUNDRED(M, f1) HUNDRED(M, f2) HUNDRED(M, f3) HUNDRED(M, f4) \
	HUNDRED(M, f5) HUNDRED(M, f6) HUNDRED(M, f7) HUNDRED(M, f8) HUNDRED(M, f9)

typedef int function(int);
#define DEFINE(name) static int name(int x) { return x ^ __LINE__ ^ (#name[1] * 100 + #name[2] * 10 + #name[3]); }
#define ENTRY(name) name,

ALL(DEFINE)
function *entries[] = { ALL(ENTRY) };
