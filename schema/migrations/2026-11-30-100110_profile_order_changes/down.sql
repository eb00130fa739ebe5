alter table profile.changes alter column xid set default pg_catalog.pg_current_xact_id();
comment on column profile.changes.xid is 'The writing transaction, taken under the entity''s lock; means nothing in another cluster.';
