select q.n, st.standing, a.id, a.name, a.title, a.description,
coalesce((
    select array_agg(g.tag order by g.tag)
    from registry.api_tags g
    where g.organisation_id = a.organisation_id and g.api_id = a.id
), '{}'),
b.id, b.name, b.job_title, t.id, t.name, t.job_title, d.id, d.name, s.id, s.name,
(
    select array_agg(row (v.major, v.minor, v.status) order by v.major, v.minor)
    from registry.versions v
    where v.organisation_id = a.organisation_id and v.api_id = a.id
),
a.version, a.created_at, a.updated_at
from unnest($1::uuid[], $2::uuid[]) with ordinality q(organisation_id, id, n)
left join published.standings st on st.organisation_id = q.organisation_id
left join registry.apis a on a.organisation_id = q.organisation_id and a.id = q.id left join registry.sub_domains s on s.organisation_id = a.organisation_id and s.id = a.sub_domain_id
left join registry.domains d on d.organisation_id = s.organisation_id and d.id = s.domain_id
left join lateral (
    select p.id, p.name, p.job_title
    from published.persons p
    where p.organisation_id = a.organisation_id and p.id = a.business_owner_id
    offset 0
) b on true
left join lateral (
    select p.id, p.name, p.job_title
    from published.persons p
    where p.organisation_id = a.organisation_id and p.id = a.technical_owner_id
    offset 0
) t on true
