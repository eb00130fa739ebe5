//! What must always hold, counted after each replicate, before the data is put back.

use std::collections::BTreeMap;

use postgres::Client;

use crate::Failure;
use crate::dataset::failed;
use crate::written::Acknowledged;

/// Adds this replicate's violations to `sums`. All are expected 0.
pub fn audit(
    client: &mut Client,
    acknowledged: &Acknowledged,
    sums: &mut BTreeMap<String, i64>,
) -> Result<(), Failure> {
    let mut add = |name: &str, violations: i64| {
        *sums.entry(name.to_owned()).or_default() += violations;
    };
    for (name, sql) in AUDITS {
        let row = client
            .query_one(*sql, &[])
            .map_err(|error| failed(name, &error))?;
        add(name, row.get(0));
    }
    let (ids, versions): (Vec<_>, Vec<_>) = acknowledged.changed.iter().copied().unzip();
    for (name, sql, parameters) in [
        (
            "acknowledged creations that are missing",
            "select count(*) from unnest($1::uuid[]) made (id) where not exists (select from registry.apis a where a.id = made.id)",
            &[&acknowledged.created as &(dyn postgres::types::ToSql + Sync)][..],
        ),
        (
            "acknowledged changes that are missing",
            "select count(*) from unnest($1::uuid[], $2::bigint[]) changed (id, version) left join (
                 select id, version from registry.apis union all select id, version from profile.profiles
                 union all select id, version from account.organisations
             ) found using (id) where found.version is null or found.version < changed.version",
            &[&ids, &versions],
        ),
    ] {
        let row = client
            .query_one(sql, parameters)
            .map_err(|error| failed(name, &error))?;
        add(name, row.get(0));
    }
    Ok(())
}

/// What must always hold; each counts its violations.
const AUDITS: &[(&str, &str)] = &[
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
        "tables that another service's role may write",
        "select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         join pg_catalog.pg_roles r on r.rolname = any (array['account_writer', 'profile_writer', 'registry_writer',
            'billing_writer', 'notification_writer', 'account_reader', 'profile_reader', 'registry_reader', 'billing_reader',
            'notification_reader'])
         where c.relkind in ('r', 'p') and n.nspname = any (array['account', 'profile', 'registry', 'billing', 'notification'])
            and split_part(r.rolname, '_', 1) <> n.nspname
            and pg_catalog.has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate')",
    ),
];
