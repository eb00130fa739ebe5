drop table profile.idempotency_keys;
drop table profile.changes;
