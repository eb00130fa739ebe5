-- A new job.
\set customer random_zipfian(1, 500, 1.1)
insert into jobs (customer, payload) values (:customer, 'work to do');
