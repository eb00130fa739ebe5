-- What Registry shows the others.
create or replace view published.usage as
    select u.organisation_id, u.apis, u.domains, u.sub_domains
    from registry.usage u;
comment on view published.usage is 'What each organisation has registered. No row: nothing.';

create or replace view published.responsibilities as
    select a.organisation_id, a.business_owner_id as profile_id, 'api'::text as kind, a.id as target_id
    from registry.apis a where a.business_owner_id is not null
    union all
    select a.organisation_id, a.technical_owner_id, 'api'::text, a.id
    from registry.apis a where a.technical_owner_id is not null
    union all
    select d.organisation_id, d.business_owner_id, 'domain'::text, d.id
    from registry.domains d where d.business_owner_id is not null;
comment on view published.responsibilities is 'Who owns what; a person who owns an API in both roles stands here twice.';

create or replace view published.watchers as
    select w.organisation_id, w.kind, w.target_id, w.profile_id, w.created_at, w.ended_at,
        w.created_xid, w.ended_xid
    from registry.watches w;
comment on view published.watchers is 'Who wants to be told of what: of changes whose xid in registry_changes lies between created_xid and ended_xid. A copy of both gives both its own positions.';

create or replace view published.registry_changes as
    select c.id, c.xid, c.at, c.kind, nullif(c.organisation_id, '00000000-0000-0000-0000-000000000000') as organisation_id, c.entity_id, c.version, c.actor_id, c.request_id, c.before, c.after
    from registry.changes c;
comment on view published.registry_changes is 'The feed of Registry: every change, in (xid, id) order complete below the snapshot''s xmin. Keys of before and after: docs/contract/changes.yaml.';
