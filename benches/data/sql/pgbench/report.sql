-- A report over every account.
select bid, sum(abalance), count(*) from pgbench_accounts group by bid;
