-- title: A card has a holder's name
-- owner: billing
-- why: The payment provider asks for it.
-- steady: No view shows payment methods.
-- gain: Fewer refused charges.
-- loss: None.

set local role billing_owner;
alter table billing.payment_methods add column holder text not null default 'unknown';
alter table billing.payment_methods alter column holder drop default;
grant update (holder) on billing.payment_methods to billing_writer;
reset role;
