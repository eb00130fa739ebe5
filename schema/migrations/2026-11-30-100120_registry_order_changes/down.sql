alter table registry.changes alter column xid set default pg_catalog.pg_current_xact_id();
alter table registry.watches alter column created_xid set default pg_catalog.pg_current_xact_id();
