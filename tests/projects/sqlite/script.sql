.bail on
select sqlite_version();
create table author(id integer primary key, name text not null unique, born integer);
create table book(id integer primary key, title text, year integer, price real,
  author integer references author(id) on delete cascade);
create index book_year on book(year);
create trigger priced after update of price on book begin
  insert into log values (old.id, old.price, new.price); end;
create table log(id integer, before real, after real);
pragma foreign_keys = on;
begin;
insert into author values (1, 'Ada', 1815), (2, 'Grace', 1906), (3, 'Alan', 1912);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)
insert into book select i, printf('book %03d', i), 1900 + i % 90, round(sqrt(i) * 3.7, 2), 1 + i % 3 from n;
commit;
.mode column
.headers on
select name, count(*) as books, round(avg(price), 3) as mean, min(year), max(year)
  from book join author on author.id = book.author group by name order by name;
.mode box
select year, title, rank() over (partition by year order by price desc) as place,
  sum(price) over (order by id rows between 2 preceding and current row) as three
  from book where year between 1950 and 1952 order by year, place, title;
update book set price = price * 2 where id % 50 = 0;
.mode csv
select * from log order by id;
savepoint here;
delete from author where name = 'Alan';
select count(*) from book;
rollback to here;
select count(*) from book;
release here;
.mode json
select id, title from book where title like '%1_' and id > 290;
.mode list
select json_extract('{"a": [1, {"b": 2}]}', '$.a[1].b'), json_group_array(name) from author;
select key, value from json_each('{"x": 1, "y": [2, 3]}');
create virtual table note using fts5(body);
insert into note values ('the quick brown fox'), ('a lazy dog'), ('quick thinking');
select rowid, highlight(note, 0, '[', ']') from note where note match 'quick' order by rank;
create virtual table box using rtree(id, left, right);
insert into box values (1, 0, 10), (2, 5, 20), (3, 30, 40);
select id from box where left <= 8 and right >= 8;
select hex(zeroblob(4) || x'00ff'), quote('it''s'), typeof(1e400), 9223372036854775807 + 1.0;
select date('2024-02-28', '+2 days'), strftime('%j %W', '2023-12-31'), julianday('2000-01-01');
select printf('%8.3f|%-6s|%06d|%x', 3.14159, 'ab', 42, 255), unicode('é'), length('日本語'), upper('ß');
select exp(1), ln(10), pow(2, 0.5), ceil(1.2), mod(7, 3);
with recursive
  x(v) as (values(-2.0) union all select v + 0.2 from x where v < 1.0),
  y(v) as (values(-1.0) union all select v + 0.25 from y where v < 1.0),
  m(i, cx, cy, zx, zy) as (
    select 0, x.v, y.v, 0.0, 0.0 from x, y union all
    select i + 1, cx, cy, zx * zx - zy * zy + cx, 2.0 * zx * zy + cy from m where zx * zx + zy * zy < 4.0 and i < 14)
select group_concat(substr(' .+*#', 1 + min(most / 3, 4), 1), '') from
  (select max(i) as most, cy from m group by cx, cy order by cy, cx) group by cy;
explain query plan select * from book where year = 1950 order by price;
pragma integrity_check;
pragma foreign_key_check;
vacuum;
.backup copy.db
.open copy.db
select count(*), total(price) from book;
.tables
.schema book
