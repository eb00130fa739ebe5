-- title: A plan's limit of users becomes a bigint, for the readers too
-- owner: account
-- why: A plan for a whole country: its limit doesn't fit into an integer.
-- steady: It isn't: a cast would refuse exactly the plan that it is made for. The view is made again with the new type, and who reads the limit must follow at once.
-- gain: The plan can be sold.
-- loss: Programs that read the limit as an integer can't take the new type.

set local role account_publisher;
drop view published.plans;
reset role;

set local role account_owner;
alter table account.plans alter column user_limit type bigint;
reset role;

set local role account_publisher;
create view published.plans as
    select p.code, p.kind, p.currency, p.monthly_price_cents,
        p.api_limit, p.domain_limit, p.sub_domain_limit, p.user_limit,
        p.api_price_cents, p.domain_price_cents, p.sub_domain_price_cents, p.user_price_cents
    from account.plans p;
comment on view published.plans is 'Prices in minor units and limits (null: none) of every plan.';
grant select on published.plans to profile_reader, profile_writer, registry_reader, registry_writer, billing_reader, billing_writer;
reset role;
