#include <stdio.h>

#include <sqlite3.h>

#include "data.h"

static sqlite3 *db;
static u32 sum;

static int each(void *unused, int columns, char **values, char **names) {
    (void)unused, (void)names;
    for (int i = 0; i < columns; i++)
        for (const char *at = values[i]; at && *at; at++)
            sum = mix(sum, (u8)*at);
    return 0;
}

static int failed;

static void sql(const char *text) {
    if (sqlite3_exec(db, text, each, NULL, NULL) != SQLITE_OK)
        failed = 1;
}

static void insert(const char *table, int rows, u32 state) {
    sqlite3_stmt *statement;
    char text[100];
    snprintf(text, sizeof text, "INSERT INTO %s VALUES(?1, ?2, ?3)", table);
    failed |= sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK;
    sql("BEGIN");
    for (int i = 0; i < rows; i++) {
        u32 row = next(&state) % 5000, other = next(&state);
        int length = snprintf(text, sizeof text, "row %u is %x and %o", row, other, next(&state));
        sqlite3_bind_int(statement, 1, i + 1);
        sqlite3_bind_int(statement, 2, (int)(next(&state) % 20000));
        sqlite3_bind_text(statement, 3, text, length, SQLITE_STATIC);
        failed |= sqlite3_step(statement) != SQLITE_DONE;
        sqlite3_reset(statement);
    }
    sql("COMMIT");
    sqlite3_finalize(statement);
}

int run(int n) {
    sum = 0;
    failed = 0;
    for (int i = 0; i < n && !failed; i++) {
        if (sqlite3_open(":memory:", &db) != SQLITE_OK)
            return -1;
        sql("CREATE TABLE a(x INTEGER PRIMARY KEY, y INTEGER, z TEXT); CREATE TABLE b(x INTEGER, y INTEGER, z TEXT)");
        insert("a", 4000, 1 + (u32)i);
        insert("b", 4000, 1000 + (u32)i);
        sql("SELECT count(*), avg(y) FROM a WHERE z LIKE '%7f%'");
        sql("CREATE INDEX by_y ON b(y); CREATE INDEX by_z ON b(z)");
        sql("SELECT a.x, b.z FROM a JOIN b ON a.y = b.y WHERE a.x % 7 = 0 ORDER BY b.z LIMIT 50");
        sql("UPDATE a SET y = y + 1 WHERE x BETWEEN 500 AND 2500; UPDATE b SET z = z || '!' WHERE y < 8000");
        sql("SELECT y / 100, count(*), max(z) FROM b GROUP BY y / 100 HAVING count(*) > 20");
        sql("DELETE FROM b WHERE y IN (SELECT y FROM a WHERE x % 3 = 0); SELECT count(*), total(y) FROM b");
        sql("SELECT count(*) FROM a WHERE z > 'row 3' AND length(z) > 20; PRAGMA integrity_check");
        sqlite3_close(db);
    }
    return failed ? -1 : (int)sum;
}
