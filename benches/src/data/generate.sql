-- A seeded data set, by set-based inserts as superuser. $apis, $organisations and $seed are filled in.
-- Sizes are skewed as in real catalogues: the k-th organisation has a share of the APIs proportional to 1/k^0.8.
-- Ids are hashes of ordinals, so the same seed gives the same rows in every run.
set session_replication_role = replica;
set synchronous_commit = off;

create function pg_temp.id(kind text, a bigint, b bigint default 0) returns uuid language sql immutable
    return md5('$seed ' || kind || ' ' || a || ' ' || b)::uuid;
create function pg_temp.moment(n bigint) returns timestamptz language sql immutable
    return timestamptz '2026-01-01 00:00Z' + n * interval '1 second';

create temp table sizes as
    select o, greatest(5, round($apis * power(o, -0.8) / sum(power(o, -0.8)) over ())::int) as apis
    from generate_series(1, $organisations) o;
-- There may be others, whose rows stay as they are.
create temp table made as select pg_temp.id('organisation', o) as id from sizes;

insert into account.organisations (id, name, plan_code, version, created_at, updated_at)
    select pg_temp.id('organisation', o), 'Organisation ' || o, 'enterprise', 1, pg_temp.moment(o), pg_temp.moment(o)
    from sizes;

insert into profile.profiles (organisation_id, id, name, job_title, email, time_zone, version, created_at, updated_at)
    select pg_temp.id('organisation', o), pg_temp.id('profile', o, p), 'Person ' || p, 'Engineer',
        'person' || p || '@o' || o || '.example', 'Europe/Berlin', 1, pg_temp.moment(p), pg_temp.moment(p)
    from sizes, generate_series(1, 20) p;
insert into profile.notification_settings (organisation_id, profile_id, mode, version, updated_at)
    select organisation_id, id, 'instant', 1, created_at from profile.profiles where organisation_id in (select id from made);
insert into profile.head_counts (organisation_id, users)
    select pg_temp.id('organisation', o), 20 from sizes;

-- Nobody signs in with these: the lab mints the tokens, so that hashing passwords is no part of a measurement.
insert into account.logins (organisation_id, id, email, password_hash, scope, profile_id, password_changed_at,
        password_expires_at, version, created_at, updated_at)
    select pg_temp.id('organisation', o), pg_temp.id('login', o, l), 'login' || l || '@o' || o || '.example', '!', 'admin',
        pg_temp.id('profile', o, l), pg_temp.moment(l), '2099-01-01Z', 1, pg_temp.moment(l), pg_temp.moment(l)
    from sizes, generate_series(1, 3) l;

-- All of them want their mails: waiting for confirmations is no part of a measurement.
insert into notification.addresses (organisation_id, address_id, confirmed_at)
    select a.organisation_id, encode(substr(sha256(convert_to(a.email, 'UTF8')), 1, 16), 'hex')::uuid, pg_temp.moment(0)
    from (select organisation_id, email from profile.profiles union
        select organisation_id, email from account.logins where organisation_id is not null) a
    where a.organisation_id in (select id from made);

insert into registry.domains (organisation_id, id, name, version, created_at, updated_at)
    select pg_temp.id('organisation', o), pg_temp.id('domain', o, d), 'Domain ' || d, 1, pg_temp.moment(d), pg_temp.moment(d)
    from sizes, generate_series(1, 5) d;
insert into registry.sub_domains (organisation_id, id, domain_id, name, version, created_at, updated_at)
    select pg_temp.id('organisation', o), pg_temp.id('sub domain', o, s), pg_temp.id('domain', o, 1 + s % 5),
        'Sub domain ' || s, 1, pg_temp.moment(s), pg_temp.moment(s)
    from sizes, generate_series(1, 20) s;
insert into registry.apis (organisation_id, id, sub_domain_id, name, title, description, business_owner_id,
        technical_owner_id, version, created_at, updated_at)
    select pg_temp.id('organisation', o), pg_temp.id('api', o, a), pg_temp.id('sub domain', o, 1 + a % 20), 'api-' || a,
        'API number ' || a, repeat('What it does, in a sentence or two. ', 4), pg_temp.id('profile', o, 1 + a % 20),
        pg_temp.id('profile', o, 1 + (a + 7) % 20), 1, pg_temp.moment(a), pg_temp.moment(a)
    from sizes, generate_series(1, apis) a;
insert into registry.versions (organisation_id, api_id, major, minor, status, created_at, updated_at)
    select organisation_id, id, 1, v, (array['retired', 'production', 'development'])[v + 1], created_at, created_at
    from registry.apis, generate_series(0, 2) v where organisation_id in (select id from made);
insert into registry.api_tags (organisation_id, api_id, tag)
    select organisation_id, id, 'tag-' || (('x' || substr(id::text, 1, 4))::bit(16)::int + t) % 40
    from registry.apis, generate_series(0, 1) t where organisation_id in (select id from made);
insert into registry.usage (organisation_id, apis, domains, sub_domains)
    select pg_temp.id('organisation', o), apis, 5, 20 from sizes;
insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at)
    select pg_temp.id('organisation', o), pg_temp.id('watch', o, d), pg_temp.id('profile', o, d), 'domain',
        pg_temp.id('domain', o, d), pg_temp.moment(d)
    from sizes, generate_series(1, 5) d;

insert into billing.runs (id, period, status, organisations, invoices, amount_cents, snapshot_at, finished_at, version, created_at, updated_at)
    select pg_temp.id('run', m), to_char(date '2024-12-01' + m * interval '1 month', 'YYYY-MM'), 'done',
        $organisations, $organisations, $organisations * 99900::bigint, pg_temp.moment(m), pg_temp.moment(m), 1, pg_temp.moment(m), pg_temp.moment(m)
    from generate_series(1, 12) m
    on conflict do nothing;
insert into billing.invoices (organisation_id, id, run_id, period, currency, amount_cents, status, issued_at, paid_at,
        version, created_at, updated_at)
    select pg_temp.id('organisation', o), pg_temp.id('invoice', o, m),
        (select id from billing.runs where period = to_char(date '2024-12-01' + m * interval '1 month', 'YYYY-MM')),
        to_char(date '2024-12-01' + m * interval '1 month', 'YYYY-MM'), 'EUR', 99900, 'paid', pg_temp.moment(m),
        pg_temp.moment(m), 1, pg_temp.moment(m), pg_temp.moment(m)
    from sizes, generate_series(1, 12) m;
insert into billing.invoice_lines (organisation_id, invoice_id, position, item, quantity, unit_price_cents, amount_cents)
    select organisation_id, id, 1, 'plan', 1, 99900, 99900 from billing.invoices where organisation_id in (select id from made);

insert into notification.notifications (organisation_id, id, profile_id, kind, entity_id, request_id, title,
        body, at, created_at, pending)
    select pg_temp.id('organisation', o), pg_temp.id('notification', o, p * 100 + n), pg_temp.id('profile', o, p),
        'ApiModified', pg_temp.id('api', o, n)::text, 'data set', 'API ' || n || ' changed', 'Its title changed.',
        pg_temp.moment(n), pg_temp.moment(n), false
    from sizes, generate_series(1, 3) p, generate_series(1, 30) n;

set session_replication_role = origin;
vacuum (analyze);
