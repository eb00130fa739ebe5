//! Each audit is shown a violation: one that never counts anything would be no audit.

use schema::testing::TestCluster;
use uuid::Uuid;

use super::*;
use crate::data::{Size, connect, generate};

/// (what is violated, statements that violate it).
const PLANTED: &[(&str, &str)] = &[
    (
        "plan limits exceeded",
        "update account.plans set api_limit = 1",
    ),
    (
        "counters that aren't the count",
        "update registry.usage set apis = apis + 1",
    ),
    (
        "head counts that aren't the count",
        "update profile.head_counts set users = users + 1",
    ),
    (
        "owners of another organisation or none",
        "set local session_replication_role = replica; update registry.apis set technical_owner_id = gen_random_uuid()",
    ),
    ("APIs without a version", "delete from registry.versions"),
    (
        "periods invoiced twice",
        "alter table billing.invoices drop constraint invoices_period_key;
         update billing.invoices set period = '2025-01'",
    ),
    (
        "recipients told twice of one change",
        "drop index notification.notifications_profile_id_key;
         update notification.notifications set feed = 'registry', change_id = 1",
    ),
    (
        "changed APIs without a change row",
        "update registry.apis set version = 2",
    ),
    (
        "tables that another service's role may write",
        "grant insert on account.plans to billing_writer",
    ),
    (
        "versions whose life is none",
        "insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id, before, after)
         select now(), 'VersionStatusModified', organisation_id, api_id::text, 2, 'planted', '{\"status\": \"retired\"}',
            json_build_object('status', status, 'major', major, 'minor', minor)
         from registry.versions where status = 'production' limit 1",
    ),
    (
        "versions whose life is none",
        "insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id, before, after)
         select now(), 'VersionStatusModified', organisation_id, api_id::text, 2, 'planted', '{\"status\": \"qa\"}',
            json_build_object('status', 'production', 'major', major, 'minor', minor)
         from registry.versions where status = 'development' limit 1",
    ),
    (
        "gaps in the feeds",
        "insert into profile.changes (at, kind, organisation_id, entity_id, version, request_id)
         select now(), 'ProfileModified', organisation_id, id::text, n, 'planted'
         from (select * from profile.profiles limit 1) p, unnest(array[2, 4]) n",
    ),
    (
        "changes that Notification hasn't read",
        "insert into account.changes (at, kind, organisation_id, entity_id, version, request_id)
         values (now(), 'OrganisationModified', gen_random_uuid(), 'planted', 2, 'planted')",
    ),
    // A domain that is watched was changed by nobody in particular, and nobody was told.
    (
        "watchers of a change not told exactly once",
        "insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id)
         select now(), 'DomainModified', organisation_id, target_id::text, 2, 'planted' from registry.watches limit 1",
    ),
    // Somebody was told of a change that there isn't.
    (
        "watchers of a change not told exactly once",
        "update notification.notifications set feed = 'registry', change_id = 4711
         where id = (select id from notification.notifications limit 1)",
    ),
    (
        "statements that wrote another service's table",
        "grant usage on schema account to billing_writer; grant delete, select on account.plans to billing_writer; set local role billing_writer;
         delete from \"account\".\"plans\" where false; reset role",
    ),
];

#[test]
fn every_audit_counts_what_is_planted_and_nothing_else() {
    let cluster = TestCluster::ephemeral();
    let open = || {
        let rows = connect(&cluster.url(schema::DATABASE, "superuser"))?;
        Ok(Audited { rows, own: Vec::new() })
    };
    let mut audited = open().unwrap();
    let size = Size { apis: 100, organisations: 4 };
    generate(&mut audited.rows, size, 1).unwrap();
    audited.rows.batch_execute("create extension if not exists pg_stat_statements with schema public").unwrap();
    let mut clean = BTreeMap::new();
    audit(open, &Acknowledged::default(), &mut clean).unwrap();
    let violated: Vec<_> = clean.iter().filter(|(_, count)| **count != 0).collect();
    assert!(violated.is_empty(), "{violated:?}");
    for (name, planted) in PLANTED {
        audited.rows.batch_execute(&format!("begin; {planted}")).unwrap();
        let mut found = BTreeMap::new();
        count_all(&mut audited, &Acknowledged::default(), &mut found).unwrap();
        audited.rows.batch_execute("rollback").unwrap();
        assert!(found.get(*name).is_some_and(|count| *count > 0), "{name}: {found:?}");
    }
    let lost = Acknowledged { created: vec![Uuid::from_u128(1)], changed: vec![(Uuid::from_u128(2), 5)] };
    let mut found = BTreeMap::new();
    count_all(&mut audited, &lost, &mut found).unwrap();
    for name in ["acknowledged creations that are missing", "acknowledged changes that are missing"] {
        assert_eq!(found[name], 1, "{name}");
    }
    let named: Vec<&str> = PLANTED.iter().map(|(name, _)| *name).collect();
    let untried: Vec<_> = INVARIANTS.iter().filter(|(name, _)| !named.contains(name)).collect();
    assert!(untried.is_empty(), "{untried:?}");
}
