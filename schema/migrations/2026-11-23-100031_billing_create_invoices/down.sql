drop table billing.leases;
drop table billing.payment_attempts;
drop table billing.invoice_lines;
drop table billing.invoices;
drop table billing.run_items;
drop table billing.runs;
