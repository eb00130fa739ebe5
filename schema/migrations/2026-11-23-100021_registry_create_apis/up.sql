create table registry.apis (
    organisation_id uuid not null,
    id uuid not null,
    sub_domain_id uuid not null,
    name text not null,
    title text,
    description text,
    business_owner_id uuid,
    technical_owner_id uuid,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint apis_pkey primary key (organisation_id, id),
    constraint apis_sub_domain_id_fkey
        foreign key (organisation_id, sub_domain_id) references registry.sub_domains (organisation_id, id)
);
create unique index apis_name_key on registry.apis (organisation_id, lower(name));
create index apis_organisation_id_created_at_id_idx on registry.apis (organisation_id, created_at, id);
create index apis_sub_domain_id_created_at_id_idx on registry.apis (organisation_id, sub_domain_id, created_at, id);
create index apis_business_owner_id_idx on registry.apis (organisation_id, business_owner_id);
create index apis_technical_owner_id_idx on registry.apis (organisation_id, technical_owner_id);
comment on table registry.apis is 'APIs, each in one sub domain.';
comment on column registry.apis.business_owner_id is 'A person of the same organisation: a row of profile.profiles.';
comment on column registry.apis.technical_owner_id is 'A person of the same organisation: a row of profile.profiles.';
comment on column registry.apis.version is 'The ETag of the API with its versions and tags: one more with every change.';

create table registry.versions (
    organisation_id uuid not null,
    api_id uuid not null,
    major integer not null,
    minor integer not null,
    status text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint versions_pkey primary key (organisation_id, api_id, major, minor),
    constraint versions_api_id_fkey
        foreign key (organisation_id, api_id) references registry.apis (organisation_id, id) on delete cascade,
    constraint versions_number_check check (major >= 0 and minor >= 0),
    constraint versions_status_check check (
        status in ('inception', 'development', 'qa', 'production', 'deprecated', 'retired', 'cancelled')
    )
);
create index versions_status_idx on registry.versions (organisation_id, status);
comment on table registry.versions is 'Versions of an API and where each stands in its life.';

create table registry.api_tags (
    organisation_id uuid not null,
    api_id uuid not null,
    tag text not null,
    constraint api_tags_pkey primary key (organisation_id, api_id, tag),
    constraint api_tags_api_id_fkey
        foreign key (organisation_id, api_id) references registry.apis (organisation_id, id) on delete cascade,
    constraint api_tags_tag_check check (tag = lower(tag))
);
create index api_tags_tag_idx on registry.api_tags (organisation_id, tag);
comment on table registry.api_tags is 'Tags of an API, lower case.';

create table registry.usage (
    organisation_id uuid not null,
    apis integer not null default 0,
    domains integer not null default 0,
    sub_domains integer not null default 0,
    constraint usage_pkey primary key (organisation_id),
    constraint usage_counts_check check (apis >= 0 and domains >= 0 and sub_domains >= 0)
);
comment on table registry.usage is 'What is in use, counted in the transaction that adds or removes one: its row lock makes the plan''s limits exact.';
