-- title: Registry keeps the business owner's job title beside each API
-- owner: registry
-- why: Reading an API should touch Registry's tables alone.
-- steady: Nothing published changes; but the first copy comes from Profile's view, and Profile's feed has to say what changes from now on: both are Profile's to give.
-- gain: Reads without a join.
-- loss: Profile can't drop or change the title without Registry any more, and personal data stands in two places.

set local role profile_publisher;
grant select on published.persons to registry_owner;
grant select on published.profile_changes to registry_reader, registry_writer;
reset role;

set local role govrnanza_admin;
grant usage on schema published to registry_owner;
reset role;

set local role registry_owner;
alter table registry.apis add column business_owner_title text;
update registry.apis a set business_owner_title = p.job_title
    from published.persons p where p.organisation_id = a.organisation_id and p.id = a.business_owner_id;
grant update (business_owner_title) on registry.apis to registry_writer;
reset role;

-- == without views ==

set local role profile_owner;
grant usage on schema profile to registry_owner, registry_reader, registry_writer;
grant select on profile.profiles, profile.changes to registry_owner, registry_reader, registry_writer;
reset role;

set local role registry_owner;
alter table registry.apis add column business_owner_title text;
update registry.apis a set business_owner_title = p.job_title
    from profile.profiles p where p.organisation_id = a.organisation_id and p.id = a.business_owner_id and p.deleted_at is null;
grant update (business_owner_title) on registry.apis to registry_writer;
reset role;
