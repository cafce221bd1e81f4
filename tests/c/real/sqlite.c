/* SQLite as a library: a database in a file, with callbacks into main from the
   engine's inner loop. Argument: path of the database. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sqlite3.h"

static const char schema[] =
	"CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE reversed);"
	"CREATE TABLE book(id INTEGER PRIMARY KEY, author INT REFERENCES author, title TEXT, pages INT,"
	" price REAL);"
	"CREATE TABLE log(what TEXT);"
	"CREATE INDEX book_author ON book(author, pages);"
	"CREATE TRIGGER logged AFTER DELETE ON book BEGIN"
	" INSERT INTO log VALUES(printf('%s (%d)', old.title, old.pages)); END;";

static const char fill[] =
	"BEGIN;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
	" INSERT INTO author SELECT i, printf('author %02d', i) FROM n;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
	" INSERT INTO book SELECT i, 1 + (i * 7919) % 50, printf('book %04x', mixed(i)),"
	" 100 + mixed(i) % 900, (mixed(i) % 10000) / 100.0 FROM n;"
	"COMMIT;";

static const char *const queries[] = {
	"SELECT count(*), sum(pages), round(avg(price), 4) FROM book",
	"SELECT name, count(*) AS n, max(pages), total(price) FROM author JOIN book ON author = author.id"
	" WHERE pages > 500 GROUP BY name ORDER BY n DESC, name LIMIT 5",
	"SELECT a.title, b.title FROM book a JOIN book b ON a.author = b.author AND a.pages = b.pages"
	" AND a.id < b.id ORDER BY a.id LIMIT 4",
	"EXPLAIN QUERY PLAN SELECT title FROM book WHERE author = 3 AND pages > 10",
	"SELECT title, rank() OVER (PARTITION BY author ORDER BY price DESC) AS r FROM book"
	" WHERE author IN (7, 8) ORDER BY r, title LIMIT 4",
	"SELECT upper(substr(title, 6)), typeof(price), hex(zeroblob(3)), instr(title, 'k') FROM book"
	" WHERE title LIKE '%ff%' ORDER BY 1 LIMIT 3",
	"SELECT name FROM author ORDER BY name LIMIT 3",
	"SELECT spread(pages), spread(price) FROM book WHERE author = 11",
};

static sqlite3 *db;

static void check(int code, const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_DONE)
		return;
	printf("%s: %s\n", what, sqlite3_errmsg(db));
	exit(1);
}

static int print_row(void *count, int columns, char **values, char **names)
{
	(void)names;
	++*(int *)count;
	for (int i = 0; i < columns; i++)
		printf("%s%s", values[i] ? values[i] : "NULL", i + 1 < columns ? "|" : "\n");
	return 0;
}

static void query(const char *sql)
{
	int rows = 0;
	check(sqlite3_exec(db, sql, print_row, &rows, NULL), sql);
	printf("-- %d rows\n", rows);
}

/* SQL functions and an order of text that main defines. */

static void mixed(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	unsigned value = (unsigned)sqlite3_value_int(values[0]) * 2654435761u;
	sqlite3_result_int(context, (int)((value ^ value >> 15) >> 16));
}

struct spread {
	double low, high;
	int any;
};

static void spread_step(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	struct spread *spread = sqlite3_aggregate_context(context, sizeof *spread);
	double value = sqlite3_value_double(values[0]);
	if (!spread->any || value < spread->low)
		spread->low = value;
	if (!spread->any || value > spread->high)
		spread->high = value;
	spread->any = 1;
}

static void spread_end(sqlite3_context *context)
{
	struct spread *spread = sqlite3_aggregate_context(context, 0);
	sqlite3_result_double(context, spread ? spread->high - spread->low : 0);
}

static int reversed(void *data, int a_size, const void *a, int b_size, const void *b)
{
	(void)data;
	int order = memcmp(b, a, a_size < b_size ? a_size : b_size);
	return order ? order : b_size - a_size;
}

static void open_database(const char *path)
{
	/* No locks: WASI has none. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	check(sqlite3_open_v2(path, &db, flags, "unix-none"), path);
	check(sqlite3_create_function(db, "mixed", 1, SQLITE_UTF8, NULL, mixed, NULL, NULL), "mixed");
	check(sqlite3_create_function(db, "spread", 1, SQLITE_UTF8, NULL, NULL, spread_step, spread_end),
	      "spread");
	check(sqlite3_create_collation(db, "reversed", SQLITE_UTF8, NULL, reversed), "reversed");
}

static void prepared(void)
{
	sqlite3_stmt *statement;
	check(sqlite3_prepare_v2(db, "UPDATE book SET price = price + ?2 WHERE author = ?1", -1, &statement,
	                         NULL),
	      "prepare");
	for (int author = 1; author <= 50; author++) {
		sqlite3_bind_int(statement, 1, author);
		sqlite3_bind_double(statement, 2, author / 8.0);
		check(sqlite3_step(statement), "step");
		check(sqlite3_reset(statement), "reset");
	}
	check(sqlite3_finalize(statement), "finalize");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	open_database(argv[1]);
	query(schema);
	query(fill);
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		query(queries[i]);

	query("BEGIN; DELETE FROM book; SELECT count(*) FROM book; ROLLBACK; SELECT count(*) FROM book");
	query("BEGIN; DELETE FROM book WHERE id % 1000 = 7; SAVEPOINT s; DELETE FROM author; ROLLBACK TO s;"
	      " COMMIT; SELECT * FROM log; SELECT count(*) FROM author");
	prepared();
	printf("constraint %d\n", sqlite3_exec(db, "INSERT INTO author VALUES(99, 'author 01')", NULL, NULL,
	                                       NULL) == SQLITE_CONSTRAINT);
	check(sqlite3_close(db), "close");

	open_database(argv[1]);
	query("PRAGMA integrity_check; SELECT count(*), round(total(price), 3) FROM book; VACUUM");
	printf("%s, %d changes\n", sqlite3_libversion(), sqlite3_total_changes(db));
	check(sqlite3_close(db), "close");
	return 0;
}
