//! Old programs and a new database, side by side: what a migration adds disturbs nobody who doesn't know of it.

use crate::sql;
use crate::support::{breakable, suites, world};

/// What is added, and by whom. All of it is left in place: the tests after this one run beside it, too.
const ADDITIONS: &[(&str, &str, &str)] = &[
    ("a column", "registry_owner", "alter table registry.apis add column rating integer"),
    (
        "a table",
        "profile_owner",
        "create table profile.skills (organisation_id uuid not null, id uuid not null, name text not null, \
         constraint skills_pkey primary key (organisation_id, id))",
    ),
    ("an index", "account_owner", "create index logins_created_at_idx on account.logins (created_at)"),
    (
        "a column of a view",
        "profile_publisher",
        "create or replace view published.persons with (security_barrier) as \
         select p.organisation_id, p.id, p.name, p.job_title, lower(p.name) as name_lower \
         from profile.profiles p where p.deleted_at is null",
    ),
    (
        "a view",
        "registry_publisher",
        "create view published.busy as select u.organisation_id, u.apis from registry.usage u",
    ),
];

#[test]
fn running_services_stay_ready_and_pass_their_suites() {
    let system = breakable();
    let world = world(system.up.place());
    let mut database = sql::connect(system.up.place());
    let processes = || -> Vec<_> { lab::system::services::names().map(|name| system.up.process_id(name)).collect() };
    let before = processes();
    let suites = suites();
    for (number, (what, role, statement)) in ADDITIONS.iter().enumerate() {
        // Billing and Notification read what the three own: theirs take long, and are run once it is all there.
        let last = number + 1 == ADDITIONS.len();
        let suites = &suites[..if last { 5 } else { 3 }];
        println!("after {what}: {statement}");
        let started = std::time::Instant::now();
        sql::run_as(&mut database, role, statement);
        for name in lab::system::services::names() {
            world.service(name).root("/readyz").send().expect(200);
        }
        std::thread::scope(|scope| {
            for suite in suites {
                scope.spawn(|| behaviour::run(&world, suite));
            }
        });
        println!("all suites in {:?}", started.elapsed());
    }
    assert_eq!(before, processes(), "they are the same processes");
    assert!(system.news().is_empty(), "{:?}", system.news());
}
