-- title: Standings are called receivables
-- owner: billing
-- why: The book-keepers call them so.
-- steady: A view holds on to a table by its number: it goes on showing it as `standings`.
-- gain: One word for one thing.
-- loss: None.

set local role billing_owner;
alter table billing.standings rename to receivables;
reset role;
