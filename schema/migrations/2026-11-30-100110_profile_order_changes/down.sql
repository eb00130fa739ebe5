alter table profile.changes alter column xid set default pg_catalog.pg_current_xact_id();
