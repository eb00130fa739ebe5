-- A step of a migration that keeps writers away for 0.3 s.
begin;
lock table pgbench_accounts in share row exclusive mode;
\sleep 300 ms
end;
