//! Watches of those who aren't there: what the contract alone can't bring about.

use behaviour::assert::{eventually, problem_of};
use behaviour::json;
use behaviour::registry::Desk;

use crate::fixture::House;
use crate::sql;

#[test]
fn a_login_without_a_profile_watches_nothing() {
    let house = House::new();
    let desk = Desk::new(&house.world, "team");
    let domain = desk.domain("Payments");
    let watch = desk.post("/watches", &json!({"kind": "domain", "targetId": domain})).expect(201).id();
    let token = house.fixture.faceless(desk.tenant.org);
    let path = desk.tenant.path("/watches");
    let call = |method: &str, path: &str| house.api().request(method, path).token(&token);
    let body = json!({"kind": "domain", "targetId": domain});
    problem_of(&call("POST", &path).json(&body).send(), 403, "profile-missing");
    // Before what is wrong with the body.
    let broken = call("POST", &path).body("application/json", b"{".to_vec());
    problem_of(&broken.send(), 403, "profile-missing");
    let list = call("GET", &path).send().expect(200).json();
    assert_eq!(list, json!({"items": [], "nextCursor": null}));
    call("DELETE", &format!("{path}/{watch}")).send().expect(404);
}

#[test]
fn a_tombstone_watches_nothing_more() {
    let house = House::new();
    let desk = Desk::new(&house.world, "team");
    let domain = desk.domain("Payments");
    let bury = format!(
        "update profile.profiles set name = null, job_title = null, email = null, time_zone = null, deleted_at = now()
        where id = '{}'",
        desk.tenant.member_profile
    );
    sql::run(&mut house.db.connect("profile_writer"), &bury).unwrap();
    let body = json!({"kind": "domain", "targetId": domain});
    problem_of(&desk.post("/watches", &body), 403, "profile-missing");
    let watches = "select count(*) from registry.watches";
    assert_eq!(sql::number(&mut house.db.connect("superuser"), watches), 0);
}

/// What Account does when it deletes a login, as rows.
fn delete_login(house: &House, tenant: &behaviour::Tenant, login: uuid::Uuid, profile: uuid::Uuid) {
    let (org, was) = (tenant.org, json!({"profileId": profile, "scope": "member"}));
    let delete = format!(
        "begin; delete from account.logins where id = '{login}';
        insert into account.changes (at, kind, organisation_id, entity_id, version, request_id, before)
        values (now(), 'LoginDeleted', '{org}', '{login}', 2, 'test', '{was}'); commit"
    );
    sql::run(&mut house.db.connect("account_writer"), &delete).unwrap();
}

#[test]
fn watches_end_with_the_last_login_of_their_person() {
    let house = House::new();
    let desk = Desk::new(&house.world, "team");
    let tenant = desk.tenant.clone();
    let domain = desk.domain("Payments");
    let body = json!({"kind": "domain", "targetId": domain});
    let watch = desk.post("/watches", &body).expect(201).id();
    let admin = |method: &str| house.api().request(method, &tenant.path("/watches")).token(&tenant.admin_token);
    admin("POST").json(&body).send().expect(201);
    // Another login of the same person; the admin's is only disabled.
    let second = house.fixture.second_login(tenant.org, tenant.member_profile);
    let disable = format!("update account.logins set disabled_at = now() where id = '{}'", tenant.admin_login);
    sql::run(&mut house.db.connect("account_writer"), &disable).unwrap();
    let disabled = format!(
        "insert into account.changes (at, kind, organisation_id, entity_id, version, request_id, before, after)
        values (now(), 'LoginModified', '{}', '{}', 2, 'test', '{}', '{{}}')",
        tenant.org,
        tenant.admin_login,
        json!({"profileId": tenant.admin_profile})
    );
    sql::run(&mut house.db.connect("account_writer"), &disabled).unwrap();
    delete_login(&house, &tenant, tenant.member_login, tenant.member_profile);
    // Somebody whose last login goes after these: once theirs has ended, the others have been looked at.
    let other = Desk::new(&house.world, "team");
    let target = other.domain("Orders");
    let theirs = other.post("/watches", &json!({"kind": "domain", "targetId": target})).expect(201).id();
    delete_login(&house, &other.tenant, other.tenant.member_login, other.tenant.member_profile);
    let text = |select: &str| sql::text(&mut house.db.connect("superuser"), select);
    let open = || text("select string_agg(w.id::text, ' ') from registry.watches w where w.ended_at is null");
    eventually("the watch has ended", || (!open().contains(&theirs.to_string())).then_some(()));
    assert_eq!(open().split(' ').count(), 2, "a second login goes on, a disabled one's watches rest");
    delete_login(&house, &tenant, second, tenant.member_profile);
    eventually("the watch has ended", || (!open().contains(&watch.to_string())).then_some(()));
    assert_eq!(open().split(' ').count(), 1, "the admin's");
    let feed = text(
        "select string_agg(c.before ->> 'profileId', ' ' order by c.id) from registry.changes c
        join registry.watches w on w.id::text = c.entity_id
        where c.kind = 'WatchEnded' and c.version = 2 and c.xid = w.ended_xid",
    );
    assert_eq!(feed, format!("{} {}", other.tenant.member_profile, tenant.member_profile));
}
