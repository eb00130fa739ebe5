-- A queue of jobs in the same database as a month-end that counts everything. Passwords, where the server asks for them: ~/.pgpass.
create table jobs (
    id bigint generated always as identity primary key,
    customer int not null,
    state text not null default 'waiting',
    payload text not null,
    made_at timestamptz not null default now()
);
create index jobs_waiting on jobs (id) where state = 'waiting';
create table invoices (
    id bigint generated always as identity primary key,
    customer int not null,
    month date not null,
    jobs bigint not null,
    unique (customer, month)
);
insert into jobs (customer, state, payload, made_at)
select n % 500, case when n % 10 = 0 then 'waiting' else 'done' end, repeat('x', 200), now() - n * interval '10 seconds'
from generate_series(1, 200000) n;
analyze jobs;
create role producer login;
create role worker login;
create role month_end login;
grant select, insert on jobs to producer;
grant select, update on jobs to worker;
grant select on jobs to month_end;
grant select, insert, update on invoices to month_end;
