alter table profile.changes
    drop constraint changes_pkey,
    add constraint changes_pkey primary key (id),
    alter column organisation_id drop not null,
    alter column organisation_id drop default;
update profile.changes set organisation_id = null where organisation_id = '00000000-0000-0000-0000-000000000000';
comment on column profile.changes.organisation_id is 'Null for what belongs to the platform.';
