-- Two steps, both without a rewrite of the table: a column that had this default from the start would give every old watch the
-- migration's own transaction, after changes that it should be told of. Old watches stay without, and are placed by their times.
alter table registry.watches add column created_xid xid8, add column ended_xid xid8;
alter table registry.watches alter column created_xid set default pg_catalog.pg_current_xact_id();
comment on column registry.watches.created_xid is 'The transaction that opened it, as in its WatchCreated: changes are told by the feed''s order, not by clocks. Null: older than this column.';
comment on column registry.watches.ended_xid is 'The transaction that ended it, as in its WatchEnded. Null: open, or ended before there was this column.';
