alter table billing.changes
    drop constraint changes_pkey,
    add constraint changes_pkey primary key (id),
    alter column organisation_id drop not null,
    alter column organisation_id drop default;
update billing.changes set organisation_id = null where organisation_id = '00000000-0000-0000-0000-000000000000';
comment on column billing.changes.organisation_id is 'Null for what belongs to the platform.';
