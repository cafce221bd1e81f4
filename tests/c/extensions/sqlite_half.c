/* An extension of SQLite. */
#include "sqlite3ext.h"
SQLITE_EXTENSION_INIT1

static void half(sqlite3_context *context, int count, sqlite3_value **values)
{
	if (sqlite3_value_numeric_type(values[0]) == SQLITE_TEXT) {
		sqlite3_result_error(context, "no half of a text", -1);
		return;
	}
	sqlite3_result_double(context, sqlite3_value_double(values[0]) / 2);
}

int sqlite3_half_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
	SQLITE_EXTENSION_INIT2(api);
	return sqlite3_create_function(db, "half", 1, SQLITE_UTF8, 0, half, 0, 0);
}
