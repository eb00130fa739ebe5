//! The order of a feed, against Postgres' own habits.

use std::thread;

use schema::testing::TestDb;

use crate::support::{connect, texts};

const WRITERS: usize = 12;
const EACH: usize = 60;

/// `select … for no key update` may take the transaction's id while it still waits; whoever gets the row in between has a higher one.
/// With the id alone as position about one change in seven stands before its predecessor here.
#[test]
fn changes_of_one_row_stand_in_the_order_in_which_they_happened() {
    let db = TestDb::new();
    let mut superuser = connect(&db.url("superuser"));
    superuser
        .batch_execute(
            "set session_replication_role = replica;
            insert into registry.apis (organisation_id, id, sub_domain_id, name, title, version, created_at, updated_at)
            select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'hot-' || g, '', 0, now(), now() from generate_series(1, 3) g",
        )
        .unwrap();
    let apis = texts(&mut superuser, "select id::text from registry.apis");
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (db, apis) = (&db, &apis);
            scope.spawn(move || {
                let mut client = connect(&db.url("registry_writer"));
                client.batch_execute("set lock_timeout = '60s'; set statement_timeout = '60s'").unwrap();
                for turn in 0..EACH {
                    let api = &apis[(writer + turn) % apis.len()];
                    client.batch_execute(&format!(
                        "begin; select from registry.apis where id = '{api}' for no key update;
                        update registry.apis set version = version + 1 where id = '{api}';
                        insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id)
                        select now(), 'ApiModified', organisation_id, id::text, version, 'test' from registry.apis where id = '{api}';
                        commit"
                    )).unwrap();
                }
            });
        }
    });
    let disorder = "select count(*)::text from (
            select version, lag(version) over (partition by entity_id order by xid, id) as before from registry.changes
        ) c where before >= version";
    let all = texts(&mut superuser, "select count(*)::text from registry.changes");
    assert_eq!(all, [(WRITERS * EACH).to_string()]);
    assert_eq!(texts(&mut superuser, disorder), ["0"], "of {all:?}");
    let beyond = "select count(*)::text from registry.changes where xid >= pg_snapshot_xmax(pg_current_snapshot())";
    assert_eq!(texts(&mut superuser, beyond), ["0"], "everything committed can be read at once");
}
