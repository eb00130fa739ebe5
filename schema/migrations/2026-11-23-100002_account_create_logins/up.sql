create table account.logins (
    organisation_id uuid,
    id uuid not null,
    email text not null,
    password_hash text not null,
    scope text not null,
    profile_id uuid,
    disabled_at timestamptz,
    password_changed_at timestamptz not null,
    password_expires_at timestamptz not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- Not (organisation_id, id): an operator belongs to the platform and has no organisation.
    constraint logins_pkey primary key (id),
    constraint logins_organisation_id_fkey foreign key (organisation_id) references account.organisations (id),
    constraint logins_scope_check check (scope in ('member', 'admin', 'operator')),
    constraint logins_organisation_id_check check ((organisation_id is null) = (scope = 'operator')),
    constraint logins_profile_id_check check (profile_id is null or organisation_id is not null),
    constraint logins_email_check check (char_length(email) between 3 and 320)
);
create unique index logins_email_key on account.logins (lower(email));
create index logins_organisation_id_created_at_id_idx on account.logins (organisation_id, created_at, id);
create index logins_organisation_id_profile_id_idx on account.logins (organisation_id, profile_id);
comment on table account.logins is 'Who may sign in: members and admins of an organisation, operators of the platform.';
comment on column account.logins.organisation_id is 'Null for operators alone.';
comment on column account.logins.password_hash is 'Argon2id, PHC string. Never published.';
comment on column account.logins.profile_id is 'The person who signs in with it, if linked: a row of profile.profiles.';
comment on column account.logins.disabled_at is 'Signing in is refused from then on; tokens already made live out their hour.';
comment on column account.logins.version is 'The ETag: one more with every change.';

create table account.sign_in_failures (
    subject text not null,
    failures integer not null,
    window_ends_at timestamptz not null,
    constraint sign_in_failures_pkey primary key (subject)
);
create index sign_in_failures_window_ends_at_idx on account.sign_in_failures (window_ends_at);
comment on table account.sign_in_failures is 'Failed sign-ins of the running window, by login and by address.';
comment on column account.sign_in_failures.subject is 'login:<sha-256 of the lower-case e-mail> or address:<ip>.';

create table account.signing_keys (
    id text not null,
    public_key text not null,
    valid_from timestamptz not null,
    valid_until timestamptz,
    constraint signing_keys_pkey primary key (id)
);
comment on table account.signing_keys is 'Public halves of the keys that sign tokens; every service verifies with them.';
comment on column account.signing_keys.id is 'The JWK thumbprint (RFC 7638), a token''s kid.';
comment on column account.signing_keys.public_key is 'The public key as a JWK, JSON text.';
comment on column account.signing_keys.valid_until is 'Null: still in use.';
