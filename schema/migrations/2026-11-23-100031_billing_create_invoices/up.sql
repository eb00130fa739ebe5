create table billing.runs (
    id uuid not null,
    period text not null,
    status text not null,
    organisations integer not null,
    invoices integer not null,
    amount_cents bigint not null,
    snapshot_at timestamptz,
    invoiced_up_to uuid,
    finished_at timestamptz,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint runs_pkey primary key (id),
    constraint runs_period_key unique (period),
    constraint runs_period_check check (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    constraint runs_status_check check (status in ('pending', 'invoicing', 'charging', 'done'))
);
create index runs_created_at_id_idx on billing.runs (created_at, id);
comment on table billing.runs is 'Monthly runs, one for each period.';
comment on column billing.runs.period is 'The month billed, in arrears: YYYY-MM.';
comment on column billing.runs.status is 'pending: no snapshot yet; invoicing: invoices are written; charging: some have not had an answer yet; done: each was paid or refused once.';
comment on column billing.runs.organisations is 'How many were due at the snapshot.';
comment on column billing.runs.invoices is 'How many have their invoice.';
comment on column billing.runs.amount_cents is 'Sum of the invoices written.';
comment on column billing.runs.invoiced_up_to is 'The last organisation that has its invoice; they come in the order of their ids. Null: none.';
comment on column billing.runs.snapshot_at is 'When plans and counts were copied into run_items, all by one statement.';

create table billing.run_items (
    organisation_id uuid not null,
    run_id uuid not null,
    plan_code text not null,
    plan_kind text not null,
    currency text not null,
    monthly_price_cents bigint not null,
    api_price_cents bigint not null,
    domain_price_cents bigint not null,
    sub_domain_price_cents bigint not null,
    user_price_cents bigint not null,
    apis integer not null,
    domains integer not null,
    sub_domains integer not null,
    users integer not null,
    constraint run_items_pkey primary key (organisation_id, run_id),
    constraint run_items_run_id_fkey foreign key (run_id) references billing.runs (id)
);
create index run_items_run_id_organisation_id_idx on billing.run_items (run_id, organisation_id);
comment on table billing.run_items is 'Plan and counts of each organisation due, as at the run''s one snapshot; batches read only this.';

create table billing.invoices (
    organisation_id uuid not null,
    id uuid not null,
    run_id uuid not null,
    period text not null,
    currency text not null,
    amount_cents bigint not null,
    status text not null,
    issued_at timestamptz not null,
    first_failed_at timestamptz,
    next_attempt_at timestamptz,
    overdue_at timestamptz,
    paid_at timestamptz,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint invoices_pkey primary key (organisation_id, id),
    constraint invoices_period_key unique (organisation_id, period),
    constraint invoices_run_id_fkey foreign key (run_id) references billing.runs (id),
    constraint invoices_amount_cents_check check (amount_cents >= 0),
    constraint invoices_status_check check (status in ('open', 'paid', 'overdue', 'void'))
);
create index invoices_organisation_id_created_at_id_idx on billing.invoices (organisation_id, created_at, id);
create index invoices_run_id_idx on billing.invoices (run_id);
create index invoices_run_id_unanswered_idx on billing.invoices (run_id) where status = 'open' and first_failed_at is null;
create index invoices_organisation_id_overdue_idx on billing.invoices (organisation_id) where status = 'overdue';
create index invoices_next_attempt_at_idx on billing.invoices (next_attempt_at) where next_attempt_at is not null;
comment on table billing.invoices is 'One invoice for each organisation and period.';
comment on column billing.invoices.first_failed_at is 'When the first charge failed; dunning counts its days from here.';
comment on column billing.invoices.next_attempt_at is 'When it is charged next by itself; null: never, or an attempt is open.';
comment on column billing.invoices.overdue_at is 'When the last retry had failed; kept after it is paid.';
comment on column billing.invoices.version is 'The ETag: one more with every change.';

create table billing.invoice_lines (
    organisation_id uuid not null,
    invoice_id uuid not null,
    position integer not null,
    item text not null,
    quantity bigint not null,
    unit_price_cents bigint not null,
    amount_cents bigint not null,
    constraint invoice_lines_pkey primary key (organisation_id, invoice_id, position),
    constraint invoice_lines_invoice_id_fkey
        foreign key (organisation_id, invoice_id) references billing.invoices (organisation_id, id),
    constraint invoice_lines_item_check check (item in ('plan', 'api', 'domain', 'subDomain', 'user')),
    constraint invoice_lines_amount_cents_check check (amount_cents = quantity * unit_price_cents)
);
comment on table billing.invoice_lines is 'What an invoice is made of: its amount can be recomputed from here.';

create table billing.payment_attempts (
    organisation_id uuid not null,
    invoice_id uuid not null,
    number integer not null,
    outcome text not null,
    provider_payment_id text,
    failure_code text,
    customer_id text,
    payment_method_token text,
    asks integer not null,
    ask_at timestamptz not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    constraint payment_attempts_pkey primary key (organisation_id, invoice_id, number),
    constraint payment_attempts_invoice_id_fkey
        foreign key (organisation_id, invoice_id) references billing.invoices (organisation_id, id),
    constraint payment_attempts_outcome_check check (
        case outcome
            when 'started' then finished_at is null and failure_code is null
            when 'succeeded' then finished_at is not null and failure_code is null
            when 'failed' then finished_at is not null and failure_code is not null
            else false
        end
    )
);
-- One open attempt for each invoice: a payment by hand and a retry can't both ask for the money.
create unique index payment_attempts_open_key on billing.payment_attempts (organisation_id, invoice_id) where outcome = 'started';
create index payment_attempts_ask_at_idx on billing.payment_attempts (ask_at) where outcome = 'started';
comment on table billing.payment_attempts is 'Every try to charge an invoice, written before the provider is asked.';
comment on column billing.payment_attempts.outcome is 'started: asked, the answer not known yet.';
comment on column billing.payment_attempts.number is 'With the invoice''s id it is the idempotency key at the payment provider.';
comment on column billing.payment_attempts.customer_id is 'Copied from the card at the start: asked again, the question must be the same. Null: there was no card.';
comment on column billing.payment_attempts.payment_method_token is 'Likewise. Never published.';
comment on column billing.payment_attempts.asks is 'How often the provider has been asked, this time included.';
comment on column billing.payment_attempts.ask_at is 'While started: when it is asked again unless an answer has come.';

create table billing.leases (
    name text not null,
    holder uuid not null,
    expires_at timestamptz not null,
    constraint leases_pkey primary key (name)
);
comment on table billing.leases is 'Which instance of the service does the work that only one should do.';
comment on column billing.leases.holder is 'A process, by an id of its own making.';
comment on column billing.leases.expires_at is 'By the database''s own clock, which all instances share and no test moves.';
