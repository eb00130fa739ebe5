-- The key begins with the organisation, as every other table's does: rows can be placed by it. What belongs to the platform has the nil
-- UUID instead of null; the published view shows null as before. Takes the table's exclusive lock while the index is built: a second or so
-- for each million rows, when nothing can be changed.
update registry.changes set organisation_id = '00000000-0000-0000-0000-000000000000' where organisation_id is null;
alter table registry.changes
    alter column organisation_id set default '00000000-0000-0000-0000-000000000000',
    alter column organisation_id set not null,
    drop constraint changes_pkey,
    add constraint changes_pkey primary key (organisation_id, id);
comment on column registry.changes.organisation_id is 'The nil UUID for what belongs to the platform; null in the published view.';
-- Old changes of APIs carried all their versions, up to megabytes of them. Changes of versions tell those.
update registry.changes set before = before - 'versions', after = after - 'versions'
where kind in ('ApiModified', 'ApiMoved', 'ApiDeleted')
    and coalesce(pg_column_size(before), 0) + coalesce(pg_column_size(after), 0) > 2000;
