-- One customer's invoice, counted from every job.
\set customer random(1, 500)
insert into invoices (customer, month, jobs)
select customer, date_trunc('month', current_date), count(*) from jobs where customer = :customer group by customer
on conflict (customer, month) do update set jobs = excluded.jobs;
