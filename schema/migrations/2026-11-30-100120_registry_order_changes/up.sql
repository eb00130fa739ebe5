-- A change's position is not below that of any transaction that ended before its statement began. The transaction's own id alone isn't
-- enough: Postgres may give it out while a `select … for no key update` still waits, and whoever gets the row in between has a higher one.
-- Changes of one row, each written in a statement after the row's lock, so stand in the feed in the order in which they happened.
alter table registry.changes alter column xid set default
    greatest(pg_catalog.pg_current_xact_id(), ((pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))::text::bigint - 1)::text::xid8);
comment on column registry.changes.xid is 'The position in the feed, with id: not below the writing transaction, nor below any that ended before. Means nothing in another cluster.';
-- A watch is told of changes below its end; so far, of those at it, too.
update registry.watches set ended_xid = (ended_xid::text::bigint + 1)::text::xid8 where ended_xid is not null;
