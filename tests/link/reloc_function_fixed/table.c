/* The same functions in data, and from another object. */
typedef void any(void);
int plain(int), sum(int, ...), interposed(int);
double mixed(int, double, long long, float);
void nothing(void);

any *table[] = { (any *)plain, (any *)mixed, (any *)nothing, (any *)sum, (any *)interposed };
