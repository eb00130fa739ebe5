drop table registry.idempotency_keys;
drop table registry.changes;
