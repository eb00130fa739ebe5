//! The least that it can take: the same rows, written by one statement.

use std::time::{Duration, Instant};

use postgres::Client;

use crate::Failure;
use crate::data::failed;

/// The tables that a run fills, each as an empty one with the same indexes and keys.
const TABLES: &str = "create schema bare; \
     create table bare.invoices (like billing.invoices including all); \
     alter table bare.invoices add foreign key (run_id) references billing.runs (id), \
        add foreign key (organisation_id) references account.organisations (id); \
     create table bare.invoice_lines (like billing.invoice_lines including all); \
     alter table bare.invoice_lines add foreign key (organisation_id, invoice_id) references bare.invoices (organisation_id, id); \
     create table bare.changes (like billing.changes including all); \
     create table bare.written as select id from billing.changes where kind in ('UpcomingPayment', 'InvoicePaid') and before is null; \
     create unique index on bare.written (id); \
     analyze; checkpoint";

/// The same rows, as they were written, in one statement.
const WRITE: &str = "with invoice as ( \
        insert into bare.invoices select organisation_id, id, run_id, period, currency, amount_cents, \
            case amount_cents when 0 then 'paid' else 'open' end, issued_at, null, \
            case when amount_cents > 0 then issued_at + interval '3 days' end, null, \
            case amount_cents when 0 then issued_at end, 1, created_at, created_at from billing.invoices \
     ), line as (insert into bare.invoice_lines select * from billing.invoice_lines) \
     insert into bare.changes overriding system value \
     select c.* from billing.changes c join bare.written w on w.id = c.id";

/// Writes the rows of the run once more, into tables of their own: how long it took, and how many they were.
pub(super) fn write(client: &mut Client) -> Result<(Duration, i64), Failure> {
    let doing = |error| failed("writing the same rows by one statement", &error);
    client.batch_execute(TABLES).map_err(doing)?;
    let begun = Instant::now();
    client.batch_execute(WRITE).map_err(doing)?;
    let taken = begun.elapsed();
    let count = "select (select count(*) from bare.invoices) + (select count(*) from bare.invoice_lines) \
         + (select count(*) from bare.changes)";
    let rows = client.query_one(count, &[]).map_err(doing)?.get(0);
    Ok((taken, rows))
}
