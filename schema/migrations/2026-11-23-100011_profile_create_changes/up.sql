create table profile.changes (
    id bigint generated always as identity,
    xid xid8 not null default pg_catalog.pg_current_xact_id(),
    at timestamptz not null,
    kind text not null,
    organisation_id uuid,
    entity_id text not null,
    version bigint not null,
    actor_id uuid,
    request_id text not null,
    before jsonb,
    after jsonb,
    constraint changes_pkey primary key (id)
);
create index changes_xid_id_idx on profile.changes (xid, id);
create index changes_organisation_id_xid_id_idx on profile.changes (organisation_id, xid, id);
create index changes_at_idx on profile.changes (at);
comment on table profile.changes is 'The feed: what changed, written in the transaction that changed it. Read in (xid, id) order below the snapshot''s xmin.';
comment on column profile.changes.xid is 'The writing transaction, taken under the entity''s lock; means nothing in another cluster.';
comment on column profile.changes.organisation_id is 'Null for what belongs to the platform.';
comment on column profile.changes.entity_id is 'Id of the entity of this kind: a UUID, or a plan''s code.';
comment on column profile.changes.version is 'The entity''s version after the change.';
comment on column profile.changes.actor_id is 'The login that did it; null for the service itself.';
comment on column profile.changes.before is 'Declared keys of the entity before; null when created.';
comment on column profile.changes.after is 'Declared keys of the entity after; null when deleted.';

create table profile.idempotency_keys (
    caller text not null,
    key text not null,
    fingerprint bytea not null,
    status integer,
    location text,
    etag text,
    body jsonb,
    created_at timestamptz not null,
    constraint idempotency_keys_pkey primary key (caller, key)
);
create index idempotency_keys_created_at_idx on profile.idempotency_keys (created_at);
comment on table profile.idempotency_keys is 'Answers of requests that carried an Idempotency-Key, kept for 24 hours.';
comment on column profile.idempotency_keys.caller is 'The login, or "anonymous".';
comment on column profile.idempotency_keys.fingerprint is 'SHA-256 over method, path and body.';
comment on column profile.idempotency_keys.status is 'Null while the first request is still at work.';
