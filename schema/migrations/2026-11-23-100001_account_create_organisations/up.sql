create table account.organisations (
    id uuid not null,
    name text not null,
    plan_code text not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint organisations_pkey primary key (id),
    constraint organisations_plan_code_fkey foreign key (plan_code) references account.plans (code),
    constraint organisations_name_check check (char_length(name) between 1 and 200)
);
-- An expression, not the plain column: every table of a tenant references organisations, and a plain unique column
-- would make a renaming wait for every open child insert.
create unique index organisations_name_key on account.organisations (lower(name));
create index organisations_plan_code_idx on account.organisations (plan_code);
comment on table account.organisations is 'The tenants. Never deleted.';
comment on column account.organisations.version is 'The ETag: one more with every change.';
