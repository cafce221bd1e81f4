.load ./half
select half(7), half(price) from book where id = 50;
