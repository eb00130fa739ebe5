-- title: An index for invoices by period, made while others write
-- owner: billing
-- why: The month's end reads them by period.
-- steady: An index is nothing that a view shows.
-- gain: Fast lists, and no writer waits.
-- loss: None; but it waits for every transaction that is open, of anybody.
-- transaction: none

set role billing_owner;
create index concurrently invoices_period_idx on billing.invoices (period);
reset role;
