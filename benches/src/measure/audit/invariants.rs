//! What must always hold, each as a statement that counts its violations.

/// Some of what [`INVARIANTS`] counts, as text: what is violated, and the rows.
pub const SOME: (&str, &str) = (
    "watchers of a change not told exactly once",
    concat!("select coalesce(string_agg(wrong::text, ' '), '') from (", include_str!("told.sql"), " limit 5) wrong"),
);

/// (what is violated, the count).
pub const INVARIANTS: &[(&str, &str)] = &[
    (
        "plan limits exceeded",
        "select count(*) from registry.usage u join account.organisations o on o.id = u.organisation_id
         join account.plans p on p.code = o.plan_code
         where u.apis > p.api_limit or u.domains > p.domain_limit or u.sub_domains > p.sub_domain_limit",
    ),
    (
        "counters that aren't the count",
        "select count(*) from registry.usage u
         where u.apis <> (select count(*) from registry.apis a where a.organisation_id = u.organisation_id)
            or u.domains <> (select count(*) from registry.domains d where d.organisation_id = u.organisation_id)
            or u.sub_domains <> (select count(*) from registry.sub_domains s where s.organisation_id = u.organisation_id)",
    ),
    (
        "head counts that aren't the count",
        "select count(*) from profile.head_counts h where h.users <> (select count(*) from profile.profiles p
            where p.organisation_id = h.organisation_id and p.deleted_at is null)",
    ),
    (
        "owners of another organisation or none",
        "select count(*) from registry.apis a left join profile.profiles p
            on p.organisation_id = a.organisation_id and p.id = a.technical_owner_id
         where a.technical_owner_id is not null and (p.id is null or p.deleted_at is not null)",
    ),
    ("APIs without a version", "select count(*) from registry.apis a where not exists (select from registry.versions v
        where v.organisation_id = a.organisation_id and v.api_id = a.id)"),
    (
        "periods invoiced twice",
        "select count(*) from (select 1 from billing.invoices group by organisation_id, period having count(*) > 1) twice",
    ),
    (
        "recipients told twice of one change",
        "select count(*) from (select 1 from notification.notifications where change_id is not null
            group by feed, change_id, login_id, profile_id having count(*) > 1) twice",
    ),
    (
        "changed APIs without a change row",
        "select count(*) from registry.apis a where a.version > 1 and not exists (select from registry.changes c
            where c.organisation_id = a.organisation_id and c.entity_id = a.id::text and c.version = a.version)",
    ),
    (
        "versions whose life is none",
        "with ways (from_status, to_status) as (values ('inception', 'development'), ('inception', 'cancelled'),
            ('development', 'qa'), ('development', 'cancelled'), ('qa', 'development'), ('qa', 'production'), ('qa', 'cancelled'),
            ('production', 'deprecated'), ('production', 'retired'), ('deprecated', 'retired'), ('cancelled', 'inception'))
         select (select count(*) from registry.changes c where c.kind = 'VersionCreated' and c.after ->> 'status' <> 'inception')
            + (select count(*) from registry.changes c where c.kind = 'VersionStatusModified'
                and (c.before ->> 'status', c.after ->> 'status') not in (select from_status, to_status from ways))
            + (select count(*) from registry.versions v
                join lateral (select c.after ->> 'status' as status from registry.changes c
                    where c.organisation_id = v.organisation_id and c.entity_id = v.api_id::text
                        and c.kind in ('VersionCreated', 'VersionStatusModified')
                        and (c.after ->> 'major')::int = v.major and (c.after ->> 'minor')::int = v.minor
                    order by c.version desc limit 1) last on true
                where last.status <> v.status)",
    ),
    (
        "gaps in the feeds",
        // Billing's entities get new versions without a change that anybody is told of, so only its readers can miss one.
        "with changes as (
            select 'account' as feed, entity_id, kind, version from account.changes
            union all select 'profile', entity_id, kind, version from profile.changes
            union all select 'registry', entity_id, kind, version from registry.changes
         )
         select coalesce(sum(missing), 0)::bigint from (
            select max(version) - min(version) + 1 - count(distinct version) as missing
            from changes group by feed, entity_id, kind like 'NotificationSettings%'
         ) entities",
    ),
    (
        "changes that Notification hasn't read",
        "select (select count(*) from account.changes c where not exists (select from notification.feed_cursors r
                where r.feed = 'account' and (c.xid, c.id) <= (r.xid, r.id)))
            + (select count(*) from profile.changes c where not exists (select from notification.feed_cursors r
                where r.feed = 'profile' and (c.xid, c.id) <= (r.xid, r.id)))
            + (select count(*) from registry.changes c where not exists (select from notification.feed_cursors r
                where r.feed = 'registry' and (c.xid, c.id) <= (r.xid, r.id)))
            + (select count(*) from billing.changes c where not exists (select from notification.feed_cursors r
                where r.feed = 'billing' and (c.xid, c.id) <= (r.xid, r.id)))",
    ),
    (
        "watchers of a change not told exactly once",
        concat!("select count(*) from (", include_str!("told.sql"), ") wrong"),
    ),
];

/// Statements that wrote another service's table, as Postgres saw them; where `pg_stat_statements` is loaded.
pub const WRITTEN_BY_OTHERS: &str = r#"
    select count(*) from $schema.pg_stat_statements s join pg_catalog.pg_roles r on r.oid = s.userid
    cross join lateral pg_catalog.regexp_matches(s.query,
        '\m(?:insert into|update|delete from|truncate)\s+"?(account|profile|registry|billing|notification)"?\.', 'gi') m
    where r.rolname ~ '_(reader|writer)$' and pg_catalog.split_part(r.rolname, '_', 1) <> m[1]"#;

/// Tables that another service's role may write, in one database.
pub const WRITABLE_BY_OTHERS: &str = "select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     join pg_catalog.pg_roles r on r.rolname = any (array['account_writer', 'profile_writer', 'registry_writer',
        'billing_writer', 'notification_writer', 'account_reader', 'profile_reader', 'registry_reader', 'billing_reader',
        'notification_reader'])
     where c.relkind in ('r', 'p') and n.nspname = any (array['account', 'profile', 'registry', 'billing', 'notification'])
        and split_part(r.rolname, '_', 1) <> n.nspname
        and pg_catalog.has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate')";
