-- A payment pays one invoice. Where the provider's id stands at several already, the first keeps it; the others, for somebody to look into, are what
--     select organisation_id, invoice_id, number, provider_payment_id from billing.payment_attempts where provider_payment_id like '%#%';
-- names afterwards.
update billing.payment_attempts a set provider_payment_id = a.provider_payment_id || '#' || a.invoice_id || '-' || a.number
where a.outcome = 'succeeded' and exists (
    select from billing.payment_attempts x
    where x.outcome = 'succeeded' and x.provider_payment_id = a.provider_payment_id
        and (x.started_at, x.invoice_id, x.number) < (a.started_at, a.invoice_id, a.number)
);
create unique index payment_attempts_provider_payment_id_key on billing.payment_attempts (provider_payment_id)
    where outcome = 'succeeded';
alter table billing.payment_attempts
    drop constraint payment_attempts_outcome_check,
    add constraint payment_attempts_outcome_check check (
        case outcome
            when 'started' then finished_at is null and failure_code is null
            when 'mismatch' then finished_at is null and failure_code is not null
            when 'succeeded' then finished_at is not null and failure_code is null
            when 'failed' then finished_at is not null and failure_code is not null
            else false
        end
    );
drop index billing.payment_attempts_open_key;
create unique index payment_attempts_open_key on billing.payment_attempts (organisation_id, invoice_id)
    where outcome in ('started', 'mismatch');
drop index billing.payment_attempts_ask_at_idx;
create index payment_attempts_ask_at_idx on billing.payment_attempts (ask_at) where outcome in ('started', 'mismatch');
comment on column billing.payment_attempts.outcome is 'started: asked, the answer not known yet. mismatch: the answer isn''t of this charge, as failure_code says; looked up again, never charged again.';
