create table account.plans (
    code text not null,
    name text not null,
    kind text not null,
    currency text not null,
    monthly_price_cents bigint not null,
    api_limit integer,
    domain_limit integer,
    sub_domain_limit integer,
    user_limit integer,
    api_price_cents bigint not null,
    domain_price_cents bigint not null,
    sub_domain_price_cents bigint not null,
    user_price_cents bigint not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint plans_pkey primary key (code),
    constraint plans_code_check check (code ~ '^[a-z][a-z0-9-]{0,39}$'),
    constraint plans_kind_check check (kind in ('fixed', 'payg')),
    constraint plans_currency_check check (currency ~ '^[A-Z]{3}$'),
    constraint plans_prices_check check (
        monthly_price_cents >= 0 and api_price_cents >= 0 and domain_price_cents >= 0
        and sub_domain_price_cents >= 0 and user_price_cents >= 0
    ),
    constraint plans_limits_check check (
        api_limit >= 0 and domain_limit >= 0 and sub_domain_limit >= 0 and user_limit >= 0
    )
);
comment on table account.plans is 'What an organisation may subscribe to: its price and its limits.';
comment on column account.plans.kind is 'fixed: the monthly price; payg: the unit prices times what is in use.';
comment on column account.plans.currency is 'ISO 4217.';
comment on column account.plans.api_limit is 'Null: no limit.';
comment on column account.plans.domain_limit is 'Null: no limit.';
comment on column account.plans.sub_domain_limit is 'Null: no limit.';
comment on column account.plans.user_limit is 'Null: no limit.';
comment on column account.plans.version is 'The ETag: one more with every change.';

insert into account.plans values
    ('free', 'Free', 'fixed', 'EUR', 0, 5, 1, 3, 3, 0, 0, 0, 0, 1, '2026-01-01Z', '2026-01-01Z'),
    ('team', 'Team', 'fixed', 'EUR', 4900, 100, 10, 50, 25, 0, 0, 0, 0, 1, '2026-01-01Z', '2026-01-01Z'),
    ('enterprise', 'Enterprise', 'fixed', 'EUR', 99900, 10000, 500, 5000, 2000, 0, 0, 0, 0, 1, '2026-01-01Z', '2026-01-01Z'),
    ('payg', 'Pay as you go', 'payg', 'EUR', 0, null, null, null, null, 50, 200, 100, 150, 1, '2026-01-01Z', '2026-01-01Z');
