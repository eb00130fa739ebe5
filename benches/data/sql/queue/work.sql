-- Takes the oldest job that nobody has taken, and does it in the same transaction.
begin;
select id from jobs where state = 'waiting' order by id limit 1 for update skip locked \gset
update jobs set state = 'done' where id = :id;
end;
