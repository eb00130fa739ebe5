create table billing.payment_methods (
    organisation_id uuid not null,
    customer_id text not null,
    token text not null,
    brand text not null,
    last_four text not null,
    expiry_month integer not null,
    expiry_year integer not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint payment_methods_pkey primary key (organisation_id),
    constraint payment_methods_last_four_check check (last_four ~ '^[0-9]{4}$'),
    constraint payment_methods_expiry_month_check check (expiry_month between 1 and 12)
);
comment on table billing.payment_methods is 'The card of an organisation, as the payment provider names it. Never a card number.';
comment on column billing.payment_methods.customer_id is 'The organisation at the payment provider.';
comment on column billing.payment_methods.token is 'The payment method at the payment provider. Never published.';
comment on column billing.payment_methods.version is 'The ETag: one more with every change.';

create table billing.standings (
    organisation_id uuid not null,
    standing text not null,
    overdue_since timestamptz,
    first_failed_at timestamptz,
    frozen_at timestamptz,
    version bigint not null,
    updated_at timestamptz not null,
    constraint standings_pkey primary key (organisation_id),
    constraint standings_standing_check check (
        case standing
            when 'active' then overdue_since is null and first_failed_at is null and frozen_at is null
            when 'overdue' then overdue_since is not null and first_failed_at is not null and frozen_at is null
            when 'frozen' then overdue_since is not null and first_failed_at is not null and frozen_at is not null
            else false
        end
    )
);
create index standings_first_failed_at_idx on billing.standings (first_failed_at) where standing = 'overdue';
comment on table billing.standings is 'How an organisation stands with its invoices. No row: active.';
comment on column billing.standings.overdue_since is 'Since when the oldest invoice overdue now has been so.';
comment on column billing.standings.first_failed_at is 'The earliest first failure among the invoices overdue now; the time until the freeze counts from here.';
