update registry.watches set ended_xid = (ended_xid::text::bigint - 1)::text::xid8 where ended_xid is not null;
alter table registry.changes alter column xid set default pg_catalog.pg_current_xact_id();
comment on column registry.changes.xid is 'The writing transaction, taken under the entity''s lock; means nothing in another cluster.';
