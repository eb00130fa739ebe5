-- Three services on pgbench's own tables, each with a login of its own. Passwords, where the server asks for them: ~/.pgpass.
create role payer login;
create role reporter login;
create role migration login;
grant select, insert, update on pgbench_accounts, pgbench_tellers, pgbench_branches, pgbench_history to payer;
grant select on pgbench_accounts, pgbench_branches to reporter;
grant select, insert, update, delete on pgbench_accounts to migration;
