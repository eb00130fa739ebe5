create table profile.profiles (
    organisation_id uuid not null,
    id uuid not null,
    name text,
    job_title text,
    email text,
    time_zone text,
    deleted_at timestamptz,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint profiles_pkey primary key (organisation_id, id),
    constraint profiles_deleted_at_check check (
        case when deleted_at is null
            then name is not null and email is not null and time_zone is not null
            else name is null and job_title is null and email is null and time_zone is null
        end
    )
);
create unique index profiles_email_key on profile.profiles (organisation_id, lower(email)) where deleted_at is null;
create index profiles_organisation_id_created_at_id_idx on profile.profiles (organisation_id, created_at, id);
create index profiles_organisation_id_name_idx on profile.profiles (organisation_id, lower(name) text_pattern_ops);
comment on table profile.profiles is 'People of an organisation. Never deleted: a tombstone stays for what refers to them.';
comment on column profile.profiles.time_zone is 'IANA name.';
comment on column profile.profiles.deleted_at is 'Set: a tombstone, its personal fields erased.';
comment on column profile.profiles.version is 'The ETag: one more with every change.';

create table profile.notification_settings (
    organisation_id uuid not null,
    profile_id uuid not null,
    mode text not null,
    at time,
    weekday text,
    version bigint not null,
    updated_at timestamptz not null,
    constraint notification_settings_pkey primary key (organisation_id, profile_id),
    constraint notification_settings_profile_id_fkey
        foreign key (organisation_id, profile_id) references profile.profiles (organisation_id, id),
    constraint notification_settings_mode_check check (
        case mode
            when 'instant' then at is null and weekday is null
            when 'daily' then at is not null and weekday is null
            when 'weekly' then at is not null and weekday is not null
            else false
        end
    ),
    constraint notification_settings_weekday_check check (
        weekday in ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
    )
);
comment on table profile.notification_settings is 'When a person wants to be told: at once, daily or weekly.';
comment on column profile.notification_settings.at is 'Local time in the person''s zone; null when instant.';
comment on column profile.notification_settings.weekday is 'When weekly, else null.';
comment on column profile.notification_settings.version is 'The ETag: one more with every change.';

create table profile.head_counts (
    organisation_id uuid not null,
    users integer not null,
    constraint head_counts_pkey primary key (organisation_id),
    constraint head_counts_users_check check (users >= 0)
);
comment on table profile.head_counts is 'People not deleted, counted in the transaction that adds or removes one: its row lock makes the plan''s limit exact.';
