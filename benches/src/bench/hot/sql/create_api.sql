with asked as (
        select st.standing, o.plan_code, p.api_limit as most,
            $2::uuid is null
                or exists (select from registry.sub_domains x where x.organisation_id = $1 and x.id = $2) as placed,
            $3::uuid is null
                or exists (select from published.persons x where x.organisation_id = $1 and x.id = $3) as business,
            $4::uuid is null
                or exists (select from published.persons x where x.organisation_id = $1 and x.id = $4) as technical
        from (select $1::uuid as organisation_id) q
        left join published.organisations o on o.id = q.organisation_id
        left join published.plans p on p.code = o.plan_code
        left join published.standings st on st.organisation_id = q.organisation_id
    ), counted as (
        update registry.usage u set apis = u.apis + 1
        from asked
        where u.organisation_id = $1 and asked.plan_code is not null
            and asked.standing is distinct from 'frozen' and asked.placed and asked.business and asked.technical
            and (asked.most is null or u.apis < asked.most)
        returning u.organisation_id
    ), made as (
    insert into registry.apis (organisation_id, id, sub_domain_id, name, title, description,
        business_owner_id, technical_owner_id, version, created_at, updated_at)
    select c.organisation_id, $5, $2, $7, $8, $9, $3, $4, 1, $6, $6 from counted c
), tagged as (
    insert into registry.api_tags (organisation_id, api_id, tag)
    select c.organisation_id, $5, tag from counted c, unnest($10::text[]) tag
), versioned as (
    insert into registry.versions (organisation_id, api_id, major, minor, status, created_at, updated_at)
    select c.organisation_id, $5, $11, $12, 'inception', $6, $6 from counted c
), changed as (
    insert into registry.changes (at, kind, organisation_id, entity_id, version, actor_id, request_id, after)
    select $6, 'ApiCreated', c.organisation_id, $5::text, 1, $13, $14,
        $15::jsonb || jsonb_build_object('domainId', s.domain_id)
    from counted c
    join registry.sub_domains s on s.organisation_id = c.organisation_id and s.id = $2
) select asked.standing, asked.plan_code, asked.most, asked.placed, asked.business, asked.technical,
        exists (select from counted),
        (select u.apis from registry.usage u where u.organisation_id = $1)
    from asked
