CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT, author INTEGER, year INTEGER, price REAL);
CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO author SELECT i, 'author ' || (i * 7919 % 1000) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO book SELECT i, 'title ' || (i * 104729 % 99991), i * 31 % 500 + 1, 1900 + i * 17 % 120, (i % 997) / 8.0 FROM n;
CREATE INDEX by_author ON book(author);
CREATE INDEX by_title ON book(title);
.mode column
SELECT name, count(*), avg(price) FROM book JOIN author ON author.id = book.author GROUP BY author.id ORDER BY 3 DESC LIMIT 10;
SELECT year / 10 * 10 AS decade, count(*), max(title) FROM book GROUP BY decade ORDER BY decade;
UPDATE book SET price = price * 1.25 WHERE title LIKE '%77%';
DELETE FROM book WHERE author IN (SELECT id FROM author WHERE name LIKE '%9');
SELECT count(*), sum(price) FROM book;
.mode csv
SELECT title, year FROM book WHERE title BETWEEN 'title 5' AND 'title 53' ORDER BY title LIMIT 500;
