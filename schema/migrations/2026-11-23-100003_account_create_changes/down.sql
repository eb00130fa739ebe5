drop table account.idempotency_keys;
drop table account.changes;
