//! What one service told of another's change, each in a database of its own.

use schema::ApplyOptions;
use schema::apply::install;
use schema::testing::TestCluster;
use uuid::Uuid;

use super::*;

/// Everything that was told wrongly.
const WRONG: &str = include_str!("../../measure/audit/told.sql");

/// A domain is changed; then its watcher stops and somebody else begins; then Notification copies the change and tells of it.
#[test]
fn who_had_to_be_told_is_judged_by_when_a_change_was_made_and_not_by_when_it_was_copied() {
    let cluster = TestCluster::bare();
    let mut databases = serde_json::Map::new();
    for service in SERVICES {
        let own = OwnDatabase::of(service).unwrap();
        install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
        databases.insert((*service).to_owned(), cluster.url(&own.name(), "superuser").into());
    }
    let place: Place = serde_json::from_value(serde_json::json!({ "services": {}, "databases": databases })).unwrap();
    let union = Union::filled(Size { apis: 100, organisations: 4 }, 1).unwrap();
    union.hand_out(&place, true).unwrap();

    let people = "select organisation_id, profile_id from account.logins order by organisation_id, id limit 2";
    let rows = open(&place, "account").unwrap().query(people, &[]).unwrap();
    let (org, watcher, later): (Uuid, Uuid, Uuid) = (rows[0].get(0), rows[0].get(1), rows[1].get(1));
    assert_eq!(org, rows[1].get::<_, Uuid>(0));
    let mut registry = open(&place, "registry").unwrap();
    let watched = "select target_id::text from registry.watches where organisation_id = $1 and profile_id = $2";
    let domain: String = registry.query_one(watched, &[&org, &watcher]).unwrap().get(0);
    let change = "insert into registry.changes (id, at, kind, organisation_id, entity_id, version, request_id)
        overriding system value values (4711, now(), 'DomainModified', $1, $2, 2, 'one')";
    registry.execute(change, &[&org, &domain]).unwrap();
    let stop = "update registry.watches set ended_at = now(), ended_xid = pg_current_xact_id()
        where organisation_id = $1 and target_id = $2::text::uuid";
    assert_eq!(registry.execute(stop, &[&org, &domain]).unwrap(), 1);
    let begin = "insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at)
        values ($1, gen_random_uuid(), $3, 'domain', $2::text::uuid, now())";
    registry.execute(begin, &[&org, &domain, &later]).unwrap();

    let mut notification = open(&place, NOTIFICATION).unwrap();
    let copy =
        "insert into published.registry_changes (id, xid, at, kind, organisation_id, entity_id, version, request_id)
        values (4711, pg_current_xact_id(), now(), 'DomainModified', $1, $2, 2, 'one')";
    notification.execute(copy, &[&org, &domain]).unwrap();
    let read = "insert into notification.feed_cursors as r (feed, xid, id, updated_at)
        select 'registry', xid, id, now() from published.registry_changes where id = 4711
        on conflict (feed) do update set xid = excluded.xid, id = excluded.id";
    notification.execute(read, &[]).unwrap();
    let tell = "insert into notification.notifications (organisation_id, id, profile_id, feed, change_id, kind, entity_id,
            request_id, title, body, at, created_at, pending)
        values ($1, gen_random_uuid(), $3, 'registry', 4711, 'DomainModified', $2, 'one', 'a', 'b', now(), now(), false)";
    let wrong = |union: &Union| {
        let rows = union.bring_together(&place).unwrap().query(WRONG, &[]).unwrap();
        rows.iter().map(|row| (row.get("profile_id"), row.get("times"))).collect::<Vec<(Uuid, i64)>>()
    };
    assert_eq!(wrong(&union), [(watcher, 0)], "nobody was told");
    notification.execute(tell, &[&org, &domain, &watcher]).unwrap();
    assert_eq!(wrong(&union), []);
    notification.execute(tell, &[&org, &domain, &later]).unwrap();
    assert_eq!(wrong(&union), [(later, 1)], "who began afterwards was told");
}
