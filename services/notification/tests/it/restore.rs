//! A database dumped, and restored into another cluster, where transaction ids mean nothing.

use std::process::Command;

use behaviour::json;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use kit::testing::{common, spawn_with};
use notification::NotificationService;
use schema::testing::{TestCluster, dump_program};
use uuid::Uuid;

use crate::here::{Change, Here, count, until};

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_restored_database_stops_the_reader_until_it_is_put_right_and_then_goes_on() {
    let Some(pg_dump) = dump_program() else {
        return;
    };
    let here = Here::new();
    let (org, api) = (here.organisation(), Uuid::now_v7());
    let person = here.person(org, "member");
    here.watch(org, person.profile, "api", api);
    let change = |version: i64| {
        let change = Change::new("registry", "ApiModified", org, api).version(version);
        change.to(json!({"name": format!("v{version}")}))
    };
    let service = here.start();
    for version in 1..=3 {
        here.change(&change(version));
    }
    until("told", || here.told(person.profile).len() == 3);
    drop(service);
    // Dumped with changes that nobody has read.
    for version in 4..=5 {
        here.change(&change(version));
    }
    // Its ids are far ahead of a new cluster's.
    here.run("superuser", "update registry.changes set xid = (xid::text::bigint + 1000000000)::text::xid8; \
         update notification.feed_cursors set xid = (xid::text::bigint + 1000000000)::text::xid8 where feed = 'registry'");

    let cluster = TestCluster::ephemeral();
    let url = |role: &str| cluster.url("govrnanza", role);
    let dump = tempfile::NamedTempFile::new().unwrap();
    run(Command::new(&pg_dump)
        .args(["--data-only", "--format=custom", "--exclude-schema=dba", "--file"])
        .arg(dump.path())
        .arg(here.db.url("superuser")));
    let mut superuser = PgConnection::establish(&url("superuser")).unwrap();
    superuser.batch_execute("truncate account.plans cascade").unwrap();
    run(Command::new(pg_dump.with_file_name("pg_restore"))
        .args(["--data-only", "--disable-triggers", "--dbname"])
        .arg(url("superuser"))
        .arg(dump.path()));

    let settings = common(url("notification_reader"), url("notification_writer"));
    let service = spawn_with::<NotificationService>(settings, here.settings()).unwrap();
    let api_of = here.world(&service.url).notification();
    until("it isn't ready", || api_of.root("/readyz").send().status == 503);
    let said = api_of.root("/readyz").send().json().to_string();
    assert!(said.contains("dba after-restore") && said.contains("registry"), "{said}");
    let told = "select count(*) from notification.notifications";
    assert_eq!(count(&mut superuser, told), 3, "nothing is read meanwhile");

    let feeds = schema::after_restore(&url("govrnanza_admin")).unwrap();
    let registry = feeds.iter().find(|feed| feed.feed == "registry").unwrap();
    assert_eq!((registry.read, registry.unread), (3, 2));
    until("what wasn't read is told", || count(&mut superuser, told) == 5);
    until("it is ready", || api_of.root("/readyz").send().status == 200);
    let mut writer = PgConnection::establish(&url("registry_writer")).unwrap();
    writer.batch_execute(&change(6).sql()).unwrap();
    until("what is new is told", || count(&mut superuser, told) == 6);
    // Once more does no harm.
    schema::after_restore(&url("govrnanza_admin")).unwrap();
    writer.batch_execute(&change(7).sql()).unwrap();
    until("what is new is told", || count(&mut superuser, told) == 7);
    let order = "select count(*) from (select c.version - lag(c.version, 1, 0::bigint) over (order by n.created_at, n.id) as step \
         from notification.notifications n join registry.changes c on c.id = n.change_id) v where v.step = 1";
    assert_eq!(count(&mut superuser, order), 7, "each once, in the entity's order");
    until("all are sent", || {
        count(&mut superuser, "select count(*) from notification.deliveries where status = 'sent'") == 7
    });
    assert_eq!(here.sink.mails().len(), 7);
}
