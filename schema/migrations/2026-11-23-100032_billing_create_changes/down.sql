drop table billing.idempotency_keys;
drop table billing.changes;
