-- Nobody can tell any more what form a text had.
comment on column registry.domains.name is null;
comment on column registry.sub_domains.name is null;
comment on column registry.apis.name is null;
comment on column registry.api_tags.tag is null;
