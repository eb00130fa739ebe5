-- title: Plans are published a second time, with prices that say that they are without tax
-- owner: account
-- why: Two readers had added the tax, one hadn't.
-- steady: A second view beside the first: readers move over when they like, and the first goes with the last of them.
-- gain: Nobody misreads it again, and nobody breaks.
-- loss: Two views to keep for a while.

set local role account_publisher;
create view published.plans_v2 as
    select p.code, p.kind, p.currency, p.monthly_price_cents as monthly_net_price_cents,
        p.api_limit, p.domain_limit, p.sub_domain_limit, p.user_limit,
        p.api_price_cents as api_net_price_cents, p.domain_price_cents as domain_net_price_cents,
        p.sub_domain_price_cents as sub_domain_net_price_cents, p.user_price_cents as user_net_price_cents
    from account.plans p;
comment on view published.plans_v2 is 'As plans, with prices whose names say that they are without tax.';
grant select on published.plans_v2 to billing_reader, billing_writer;
reset role;

-- == without views ==

set local role account_owner;
alter table account.plans rename column monthly_price_cents to monthly_net_price_cents;
alter table account.plans rename column api_price_cents to api_net_price_cents;
alter table account.plans rename column domain_price_cents to domain_net_price_cents;
alter table account.plans rename column sub_domain_price_cents to sub_domain_net_price_cents;
alter table account.plans rename column user_price_cents to user_net_price_cents;
reset role;
