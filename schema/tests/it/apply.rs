//! `dba apply`: on an empty database and on one in use, once, twice, five times at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use schema::roles::RolesFile;
use schema::testing::TestDb;
use schema::{ApplyOptions, Error, Report, Script, apply};

use crate::support::{connect, state, until};

/// As in a test cluster: connection limits count over all databases.
fn options() -> ApplyOptions {
    ApplyOptions { connection_limits: false, ..ApplyOptions::default() }
}

fn with_roles(change: impl Fn(String) -> String) -> ApplyOptions {
    ApplyOptions { roles: RolesFile::new(change(schema::ROLES.to_owned())), ..options() }
}

fn run(db: &TestDb, options: &ApplyOptions) -> Report {
    apply(&db.url("govrnanza_admin"), options).unwrap_or_else(|error| panic!("{error}"))
}

/// All migrations, and one more.
fn and(up: &'static str) -> &'static [Script] {
    let more = Script { name: "2099-01-01-000000_registry_alter_something", up, down: "select 1" };
    let service = if up.contains(" profile.") { "2099-01-01-000000_profile_alter_something" } else { more.name };
    Box::leak([schema::MIGRATIONS, &[Script { name: service, ..more }]].concat().into_boxed_slice())
}

#[test]
fn an_empty_database_is_filled_and_then_left_alone() {
    let db = TestDb::bootstrapped();
    let first = run(&db, &options());
    assert_eq!(first.migrations.len(), schema::MIGRATIONS.len());
    assert!(!first.views.is_empty() && !first.keys.is_empty() && !first.rights.is_empty());
    assert_eq!(run(&db, &options()), Report::default());
    connect(&db.url("registry_reader")).batch_execute("select * from published.persons, registry.apis").unwrap();
}

#[test]
fn five_at_once_are_as_good_as_one() {
    let db = TestDb::bootstrapped();
    let reports: Vec<Report> = thread::scope(|scope| {
        let all: Vec<_> = (0..5).map(|_| scope.spawn(|| run(&db, &options()))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(reports.iter().filter(|report| !report.is_empty()).count(), 1, "one did it all, four had nothing to do");
    assert_eq!(run(&db, &options()), Report::default());
}

#[test]
fn a_superuser_is_refused() {
    let db = TestDb::bootstrapped();
    let refused = apply(&db.url("superuser"), &options());
    assert!(matches!(&refused, Err(error @ Error::Usage(_)) if error.code() == 2), "{refused:?}");
}

#[test]
fn a_line_deleted_is_a_right_removed_and_back() {
    let db = TestDb::new();
    let mut reader = connect(&db.url("registry_reader"));
    let read = "select * from published.standings";
    reader.batch_execute(read).unwrap();
    let without = with_roles(|text| {
        text.lines()
            .filter(|line| !line.starts_with("grant select on published.standings to registry"))
            .collect::<Vec<_>>()
            .join("\n")
    });
    let report = run(&db, &without);
    assert_eq!(
        report.rights.len(),
        2,
        "reader and writer lose one right each, nothing else moves: {:?}",
        report.rights
    );
    assert_eq!(state(&reader.batch_execute(read).unwrap_err()), "42501");
    assert_eq!(run(&db, &without), Report::default());
    assert_eq!(run(&db, &options()).rights.len(), 2);
    reader.batch_execute(read).unwrap();
}

#[test]
fn what_was_given_by_hand_is_taken_back() {
    let db = TestDb::new();
    connect(&db.url("superuser"))
        .batch_execute(
            "grant usage on schema account to registry_reader; grant select on account.logins to registry_reader with grant option;
             grant update (name) on registry.apis to registry_reader; grant select on published.plans to public; grant temporary on database current_db to public;"
                .replace("current_db", db.name())
                .as_str(),
        )
        .unwrap();
    let report = run(&db, &options());
    assert_eq!(report.rights.len(), 5, "{:#?}", report.rights);
    assert!(report.rights.iter().all(|step| step.contains(" revoke ")), "{:#?}", report.rights);
    assert_eq!(run(&db, &options()), Report::default());
}

#[test]
fn a_column_right_replaces_a_table_right() {
    let db = TestDb::new();
    let narrower = with_roles(|text| {
        text.replace(
            "grant select on registry.usage to registry_reader;",
            "grant select (apis) on registry.usage to registry_reader;",
        )
    });
    run(&db, &narrower);
    let mut reader = connect(&db.url("registry_reader"));
    reader.batch_execute("select apis from registry.usage").unwrap();
    assert_eq!(state(&reader.batch_execute("select domains from registry.usage").unwrap_err()), "42501");
    assert_eq!(run(&db, &narrower), Report::default());
}

#[test]
fn a_grant_that_does_nothing_is_an_error() {
    let db = TestDb::new();
    // Profile's owner may refer to that column, but not let others: Postgres only warns (01007).
    let idle = with_roles(|text| {
        text + "\nset local role profile_owner;\ngrant references (id) on account.organisations to notification_owner;\nreset role;\n"
    });
    let refused = apply(&db.url("govrnanza_admin"), &idle).unwrap_err();
    assert!(refused.to_string().contains("01007") && refused.code() == 1, "{refused}");
    assert_eq!(run(&db, &options()), Report::default(), "and nothing of it stayed");
}

#[test]
fn views_follow_their_declaration_and_strays_are_reported() {
    let db = TestDb::new();
    let mut boss = connect(&db.url("superuser"));
    boss.batch_execute(
        "set role account_publisher; drop view published.plans; create view published.stray as select 1 as one;
         reset role; create table account.stray (id int)",
    )
    .unwrap();
    let report = run(&db, &options());
    assert_eq!(report.views, ["drop view published.stray", "create or replace view published.plans"]);
    assert!(
        report.findings.iter().any(|finding| finding.contains("account.stray belongs to postgres")),
        "{:?}",
        report.findings
    );
    connect(&db.url("registry_reader")).batch_execute("select * from published.plans").unwrap();
}

#[test]
fn keys_across_services_are_a_switch() {
    let db = TestDb::new();
    let orphan = "insert into profile.head_counts values (gen_random_uuid(), 1);
        insert into profile.profiles (organisation_id, id, name, email, time_zone, version, created_at, updated_at)
        values (gen_random_uuid(), gen_random_uuid(), 'n', 'e@x', 'UTC', 1, '2026-01-01Z', '2026-01-01Z')";
    let mut writer = connect(&db.url("profile_writer"));
    assert_eq!(crate::support::attempt(&mut writer, orphan), Err("23503".into()));
    let without = ApplyOptions { without_cross_keys: true, ..options() };
    assert!(run(&db, &without).keys.iter().all(|step| step.contains("drop constraint")));
    assert_eq!(crate::support::attempt(&mut writer, orphan), Ok(()));
    assert!(run(&db, &options()).keys.iter().any(|step| step.contains("validate")));
    assert_eq!(crate::support::attempt(&mut writer, orphan), Err("23503".into()));
}

/// Reads over and over, on a connection of its own, while `work` is done; returns what it was refused with.
fn while_reading(db: &TestDb, work: impl FnOnce()) -> (usize, Vec<String>) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut refused) = (0, Vec::new());
            let mut client = connect(&db.url("registry_reader"));
            while !done.load(Ordering::Relaxed) {
                match client.batch_execute("select a.title, p.job_title from registry.apis a left join published.persons p on p.id = a.business_owner_id") {
                    Ok(()) => reads += 1,
                    Err(error) => refused.push(state(&error)),
                }
            }
            (reads, refused)
        });
        work();
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    })
}

#[test]
fn a_reader_at_work_never_notices() {
    let db = TestDb::new();
    let (reads, refused) = while_reading(&db, || {
        for round in 0..3 {
            // Another right goes and comes; the reader's own are in the same sections and stay.
            let without = with_roles(|text| {
                text.lines()
                    .filter(|line| !line.starts_with("grant select on published.watchers"))
                    .collect::<Vec<_>>()
                    .join("\n")
            });
            assert!(!run(&db, &without).is_empty(), "round {round}");
            assert!(!run(&db, &options()).is_empty());
        }
        // A view stands on this column: it is dropped and made again, with its rights, in one transaction.
        let options = ApplyOptions {
            migrations: and("alter table profile.profiles alter column job_title type varchar(300)"),
            ..options()
        };
        assert_eq!(run(&db, &options).migrations.len(), 1);
        assert_eq!(run(&db, &options), Report::default());
    });
    assert!(reads > 10, "only {reads} reads");
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn a_lock_that_is_not_had_is_asked_for_again() {
    let db = TestDb::new();
    let mut holder = connect(&db.url("registry_reader"));
    holder.batch_execute("begin; select * from registry.apis").unwrap();
    let options = ApplyOptions {
        migrations: and("alter table registry.apis add column extra text"),
        lock_timeout_ms: 100,
        ..options()
    };

    let impatient = apply(&db.url("govrnanza_admin"), &ApplyOptions { tries: 2, ..options.clone() }).unwrap_err();
    let said = impatient.to_string();
    assert!(
        said.starts_with("gave up after 2 tries") && said.contains("registry_reader") && impatient.code() == 3,
        "{said}"
    );
    holder.batch_execute("select 1").unwrap();

    thread::scope(|scope| {
        let applying = scope.spawn(|| run(&db, &options));
        let mut watch = connect(&db.url("superuser"));
        until("apply waits for its lock", || {
            watch
                .query_one(
                    "select exists (select from pg_locks where not granted and relation = 'registry.apis'::regclass)",
                    &[],
                )
                .unwrap()
                .get(0)
        });
        // Others get through between two tries, rather than queueing behind it for as long as the holder likes.
        let mut other = connect(&db.url("registry_writer"));
        other.batch_execute("select * from registry.apis").unwrap();
        assert!(!applying.is_finished());
        holder.batch_execute("commit").unwrap();
        assert_eq!(applying.join().unwrap().migrations.len(), 1);
    });
}
