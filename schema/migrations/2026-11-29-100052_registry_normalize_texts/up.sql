-- Texts are compared and stored in Unicode's NFC from now on. What is stored in another form is brought to it, unless something
-- else has that name already: then it keeps the form it has, for somebody to rename one of the two. They are what
--     select id, name from registry.domains where name is not nfc normalized;
--     select id, name from registry.sub_domains where name is not nfc normalized;
--     select id, name from registry.apis where name is not nfc normalized;
-- names afterwards.
update registry.domains o set name = normalize(name)
where name is not nfc normalized and not exists (
    select from registry.domains x
    where x.organisation_id = o.organisation_id
        and x.id <> o.id and lower(normalize(x.name)) = lower(normalize(o.name))
);
update registry.sub_domains o set name = normalize(name)
where name is not nfc normalized and not exists (
    select from registry.sub_domains x
    where x.organisation_id = o.organisation_id and x.domain_id = o.domain_id
        and x.id <> o.id and lower(normalize(x.name)) = lower(normalize(o.name))
);
update registry.apis o set name = normalize(name)
where name is not nfc normalized and not exists (
    select from registry.apis x
    where x.organisation_id = o.organisation_id
        and x.id <> o.id and lower(normalize(x.name)) = lower(normalize(o.name))
);
update registry.domains set description = normalize(description)
where description is not nfc normalized;
update registry.sub_domains set description = normalize(description)
where description is not nfc normalized;
update registry.apis set title = normalize(title), description = normalize(description)
where title is not nfc normalized or description is not nfc normalized;
-- A tag in two forms is on the API once.
insert into registry.api_tags (organisation_id, api_id, tag)
select t.organisation_id, t.api_id, normalize(t.tag) from registry.api_tags t where t.tag is not nfc normalized
on conflict do nothing;
delete from registry.api_tags t where t.tag is not nfc normalized;
comment on column registry.domains.name is 'In NFC.';
comment on column registry.sub_domains.name is 'In NFC.';
comment on column registry.apis.name is 'In NFC.';
comment on column registry.api_tags.tag is 'In NFC.';
