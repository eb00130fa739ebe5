-- Pairs of a change of Registry and a person who watched what it concerns that don't have exactly one notification, and
-- notifications of persons that no such pair asks for. Told by the change's own row and the watches, not by Notification's code.
with accepted as materialized (
    select entity_id as login_id, max(at) as at from account.changes
    where kind = 'LoginModified' and before ->> 'invitationId' is not null and after ->> 'invitationId' is null
    group by entity_id
), targets as (
    select c.id, c.xid, c.organisation_id, c.at, c.actor_id, t.kind, t.target_id
    from registry.changes c
    cross join lateral (values
        (case when c.kind ~ '^(Api|Version)' then 'api' when c.kind ~ '^SubDomain' then 'subDomain' else 'domain' end, c.entity_id),
        ('subDomain', c.before ->> 'subDomainId'), ('subDomain', c.after ->> 'subDomainId'),
        ('domain', c.before ->> 'domainId'), ('domain', c.after ->> 'domainId')
    ) t (kind, target_id)
    where c.kind ~ '^(Api|Version|SubDomain|Domain)' and c.kind <> 'DomainCreated' and t.target_id is not null
), expected as (
    select distinct t.id, w.profile_id, p.deleted_at is null and exists (
        select from account.logins o
        where o.organisation_id = w.organisation_id and o.profile_id = w.profile_id and o.disabled_at is null
            and o.invitation_id is null
            -- Who accepted it after the change, or so shortly before that Notification didn't know yet, need not be told.
            and not exists (select from accepted a where a.login_id = o.id::text and a.at > t.at - interval '1 minute')
    ) as there
    from targets t
    join registry.watches w on w.organisation_id = t.organisation_id and w.kind = t.kind and w.target_id::text = t.target_id
        and coalesce(w.created_xid <= t.xid, w.created_at <= t.at)
        and (w.ended_at is null or coalesce(w.ended_xid >= t.xid, w.ended_at >= t.at))
    join profile.profiles p on p.organisation_id = w.organisation_id and p.id = w.profile_id
    left join account.logins l on l.id = t.actor_id
    where w.profile_id is distinct from l.profile_id
), told as (
    select n.change_id, n.profile_id, count(*) as times
    from notification.notifications n
    where n.feed = 'registry' and n.profile_id is not null
    group by n.change_id, n.profile_id
)
select coalesce(e.id, n.change_id) as change_id, coalesce(e.profile_id, n.profile_id) as profile_id, coalesce(n.times, 0) as times
from expected e
full join told n on n.change_id = e.id and n.profile_id = e.profile_id
-- Who was deleted or shut out meanwhile may have been told before.
where e.id is null or n.times > 1 or (n.times is null and e.there)
