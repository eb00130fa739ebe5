create table registry.watches (
    organisation_id uuid not null,
    id uuid not null,
    profile_id uuid not null,
    kind text not null,
    target_id uuid not null,
    created_at timestamptz not null,
    ended_at timestamptz,
    constraint watches_pkey primary key (organisation_id, id),
    constraint watches_kind_check check (kind in ('api', 'domain', 'subDomain'))
);
create unique index watches_open_key on registry.watches (organisation_id, profile_id, kind, target_id) where ended_at is null;
create index watches_target_id_idx on registry.watches (organisation_id, target_id);
create index watches_profile_id_created_at_id_idx on registry.watches (organisation_id, profile_id, created_at, id);
create index watches_ended_at_idx on registry.watches (ended_at) where ended_at is not null;
comment on table registry.watches is 'Who wants to be told of changes to what. Ended, not deleted: a change concerns the watches open at its time.';
comment on column registry.watches.target_id is 'An API, a domain or a sub domain, as kind says; no key, since it may be deleted while the ended watch stays.';
comment on column registry.watches.ended_at is 'Null: open.';
