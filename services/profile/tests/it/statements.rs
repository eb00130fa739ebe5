//! One statement reads what one request asks for, and no statement is planned on every call.

use behaviour::{Tenant, Urls, World, json};
use kit::NoSettings;
use kit::testing::{Running, common, spawn_with};
use schema::testing::TestDb;

use crate::fixture::SqlFixture;

/// The service with one connection to each side, so that all calls meet the same prepared statements.
fn house() -> (World, Running, TestDb) {
    let db = TestDb::new();
    let fixture = SqlFixture::new(&db);
    let mut settings = common(db.url("profile_reader"), db.url("profile_writer"));
    (settings.pool_read_size, settings.pool_write_size) = (1, 1);
    let running = spawn_with::<profile::Service>(settings, NoSettings {}).unwrap();
    let urls = Urls { profile: Some(running.url.clone()), ..Urls::default() };
    (World::new(urls, fixture), running, db)
}

fn reads(tenant: &Tenant) -> Vec<String> {
    let person = format!("/profiles/{}", tenant.member_profile);
    ["/profiles", "/profiles?q=mel&limit=1", &person, &format!("{person}/notification-settings"), "/profile-changes"]
        .map(|rest| tenant.path(rest))
        .to_vec()
}

#[test]
fn one_statement_for_one_read() {
    let (world, _running, db) = house();
    let tenant = world.tenant("team");
    let get = |path: &str| world.profile().get(path).token(&tenant.member_token).send().expect(200);
    // The first request also reads the keys that tokens are signed with.
    reads(&tenant).iter().for_each(|path| drop(get(path)));
    let calls =
        || db.statements("profile").iter().filter(|one| one.role == "profile_reader").map(|one| one.calls).sum::<i64>();
    for path in reads(&tenant) {
        let before = calls();
        get(&path);
        assert_eq!(calls() - before, 1, "statements for GET {path}");
    }
}

#[test]
fn hot_statements_are_not_planned_on_every_call() {
    let (world, _running, db) = house();
    let tenant = world.tenant("enterprise");
    let api = world.profile();
    let path = tenant.path(&format!("/profiles/{}", tenant.member_profile));
    let settings = format!("{path}/notification-settings");
    for n in 0..50 {
        for path in reads(&tenant) {
            api.get(&path).token(&tenant.member_token).send().expect(200);
        }
        let body = json!({"name": format!("P{n}"), "email": format!("p{n}@plans.example"), "timeZone": "UTC"});
        let created = api.post(&tenant.path("/profiles")).token(&tenant.admin_token).json(&body).send().expect(201);
        let patch = api.patch(&path).token(&tenant.member_token).if_match(&format!("\"{}\"", n + 1));
        patch.json(&json!({"name": format!("M{n}")})).send().expect(200);
        let put = api.put(&settings).token(&tenant.member_token).if_match(&format!("\"{}\"", n + 1));
        put.json(&json!({"mode": "daily", "at": format!("10:{n:02}")})).send().expect(200);
        let created_path = tenant.path(&format!("/profiles/{}", created.id()));
        api.delete(&created_path).token(&tenant.admin_token).if_match(&created.etag()).send().expect(204);
    }
    // Six reads and twelve writes, at the least.
    db.assert_plans_are_kept("profile", 14);
}

#[test]
fn no_statement_of_the_suite_is_planned_on_every_call() {
    let (world, _running, db) = house();
    behaviour::run(&world, &behaviour::profile::suite());
    db.assert_plans_are_kept("profile", 10);
}
