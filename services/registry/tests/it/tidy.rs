//! What goes by itself once it is old, and what stays.

use behaviour::assert::eventually;
use kit::testing::{common, spawn_with};
use registry::Registry;
use schema::testing::TestDb;

use crate::sql;

const ORG: &str = "0199d3a0-0000-7000-8000-000000000001";

/// Three changes, the last one not read by anybody yet, and three watches: ended long ago, ended lately, open.
fn rows() -> String {
    let change = |kind: &str| {
        format!(
            "insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id)
            values (now(), '{kind}', '{ORG}', 'x', 1, 'r');"
        )
    };
    let watch = |n: u8, ended: &str| {
        format!(
            "insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at, ended_at)
            values ('{ORG}', gen_random_uuid(), '{ORG}', 'api', '0199d3a0-0000-7000-8000-00000000000{n}', now(), {ended});"
        )
    };
    [change("First"), change("Second"), watch(1, "now()"), watch(2, "now() + interval '20 days'"), watch(3, "null")]
        .concat()
}

#[test]
fn what_is_old_and_was_read() {
    let db = TestDb::new();
    let mut superuser = db.connect("superuser");
    let unkeyed = "alter table registry.watches drop constraint watches_profile_id_fkey";
    sql::run(&mut superuser, unkeyed).unwrap();
    sql::run(&mut db.connect("registry_writer"), &rows()).unwrap();
    let clock = std::env::temp_dir().join(format!("registry-clock-{}", uuid::Uuid::now_v7()));
    let mut settings = common(db.url("registry_reader"), db.url("registry_writer"));
    settings.clock_file = Some(clock.clone());
    let service = spawn_with::<Registry>(settings, kit::NoSettings {}).unwrap();
    std::fs::write(&clock, "+2678400").unwrap();
    let watches = "select count(*) from registry.watches";
    eventually("the watch that ended 31 days ago goes", || (sql::number(&mut superuser, watches) == 2).then_some(()));
    let changes = "select coalesce(string_agg(kind, ',' order by id), '') from registry.changes";
    assert_eq!(sql::text(&mut superuser, changes), "First,Second", "nobody has read them");
    let read = "insert into notification.feed_cursors (feed, xid, id, updated_at)
        select 'registry', xid, id, now() from registry.changes where kind = 'First'";
    sql::run(&mut superuser, read).unwrap();
    // Ten minutes on by the service's clock: it looks again.
    std::fs::write(&clock, "+2679100").unwrap();
    eventually("the change that was read goes", || (sql::text(&mut superuser, changes) == "Second").then_some(()));
    assert_eq!(sql::number(&mut superuser, watches), 2);
    service.stop().unwrap();
    std::fs::remove_file(&clock).unwrap();
}
