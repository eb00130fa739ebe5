-- A payment: one account, one line of history.
\set account random(1, 100000)
\set amount random(-5000, 5000)
begin;
update pgbench_accounts set abalance = abalance + :amount where aid = :account;
insert into pgbench_history (tid, bid, aid, delta, mtime) values (1, 1, :account, :amount, current_timestamp);
end;
