-- title: A plan's monthly price says in its name that it is without tax
-- owner: account
-- why: Two readers had added the tax, one hadn't.
-- steady: It isn't: the published name itself changes, in place. A second view would have kept the first one steady (see view-v2).
-- gain: Nobody misreads it again.
-- loss: Whoever reads the price breaks at that moment.

set local role account_publisher;
alter view published.plans rename column monthly_price_cents to monthly_net_price_cents;
reset role;

-- == without views ==

set local role account_owner;
alter table account.plans rename column monthly_price_cents to monthly_net_price_cents;
reset role;
