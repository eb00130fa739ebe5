update billing.payment_attempts set outcome = 'started', failure_code = null where outcome = 'mismatch';
drop index billing.payment_attempts_provider_payment_id_key;
drop index billing.payment_attempts_open_key;
create unique index payment_attempts_open_key on billing.payment_attempts (organisation_id, invoice_id) where outcome = 'started';
drop index billing.payment_attempts_ask_at_idx;
create index payment_attempts_ask_at_idx on billing.payment_attempts (ask_at) where outcome = 'started';
alter table billing.payment_attempts
    drop constraint payment_attempts_outcome_check,
    add constraint payment_attempts_outcome_check check (
        case outcome
            when 'started' then finished_at is null and failure_code is null
            when 'succeeded' then finished_at is not null and failure_code is null
            when 'failed' then finished_at is not null and failure_code is not null
            else false
        end
    );
comment on column billing.payment_attempts.outcome is 'started: asked, the answer not known yet.';
