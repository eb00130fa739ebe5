-- What Profile shows the others. The first two filter tombstones away, hence security_barrier.
create or replace view published.persons with (security_barrier) as
    select p.organisation_id, p.id, p.name, p.job_title
    from profile.profiles p
    where p.deleted_at is null;
comment on view published.persons is 'People, as others may show them. Who has been deleted is gone from here.';

create or replace view published.contacts with (security_barrier) as
    select p.organisation_id, p.id, p.email, p.time_zone, s.mode, s.at, s.weekday
    from profile.profiles p
    join profile.notification_settings s on s.organisation_id = p.organisation_id and s.profile_id = p.id
    where p.deleted_at is null;
comment on view published.contacts is 'Where and when a person wants to be told.';

create or replace view published.head_counts as
    select h.organisation_id, h.users
    from profile.head_counts h;
comment on view published.head_counts is 'People of each organisation. No row: none.';

create or replace view published.profile_changes as
    select c.id, c.xid, c.at, c.kind, nullif(c.organisation_id, '00000000-0000-0000-0000-000000000000') as organisation_id, c.entity_id, c.version, c.actor_id, c.request_id, c.before, c.after
    from profile.changes c;
comment on view published.profile_changes is 'The feed of Profile: every change, in (xid, id) order complete below the snapshot''s xmin. Keys of before and after: docs/contract/changes.yaml.';
