//! Watches of those who aren't there: what the contract alone can't bring about.

use behaviour::assert::problem_of;
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
