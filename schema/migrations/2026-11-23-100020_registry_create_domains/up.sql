create table registry.domains (
    organisation_id uuid not null,
    id uuid not null,
    name text not null,
    description text,
    business_owner_id uuid,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint domains_pkey primary key (organisation_id, id)
);
-- Expressions, here and below: a plain unique column on a referenced table would make its update wait for child inserts.
create unique index domains_name_key on registry.domains (organisation_id, lower(name));
create index domains_organisation_id_created_at_id_idx on registry.domains (organisation_id, created_at, id);
create index domains_business_owner_id_idx on registry.domains (organisation_id, business_owner_id);
comment on table registry.domains is 'Business domains of an organisation.';
comment on column registry.domains.business_owner_id is 'A person of the same organisation: a row of profile.profiles.';
comment on column registry.domains.version is 'The ETag: one more with every change.';

create table registry.sub_domains (
    organisation_id uuid not null,
    id uuid not null,
    domain_id uuid not null,
    name text not null,
    description text,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint sub_domains_pkey primary key (organisation_id, id),
    constraint sub_domains_domain_id_fkey
        foreign key (organisation_id, domain_id) references registry.domains (organisation_id, id)
);
create unique index sub_domains_name_key on registry.sub_domains (organisation_id, domain_id, lower(name));
create index sub_domains_domain_id_created_at_id_idx on registry.sub_domains (organisation_id, domain_id, created_at, id);
comment on table registry.sub_domains is 'Sub domains, each in one domain.';
comment on column registry.sub_domains.version is 'The ETag: one more with every change.';
