/* SQLite, loading extensions by SQL. */
#include <stdio.h>

#include "sqlite3.h"

static int row(void *data, int columns, char **values, char **names)
{
	puts(values[0] ? values[0] : "NULL");
	return 0;
}

static void query(sqlite3 *db, const char *sql)
{
	char *error = NULL;
	if (sqlite3_exec(db, sql, row, NULL, &error) != SQLITE_OK)
		printf("error: %s\n", error);
	sqlite3_free(error);
}

int main(void)
{
	sqlite3 *db;
	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		return 1;
	query(db, "SELECT load_extension('half.so')");
	sqlite3_enable_load_extension(db, 1);
	query(db, "SELECT load_extension('half.so')");
	query(db, "SELECT half(84)");
	query(db, "SELECT sum(half(value)) FROM json_each('[1, 2, 3]')");
	query(db, "SELECT half('text')");
	query(db, "SELECT load_extension('half.so', 'no_such_entry') IS NULL");
	return sqlite3_close(db);
}
